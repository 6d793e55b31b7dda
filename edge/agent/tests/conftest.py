"""Fixtures for the agent's tests; the real components come from the whole project's tests."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))  # what crosses packages is imported by its path

from edge.agent.tests.device import Device
from edge.agent.tests.tenant import Tenant, make_authority, make_keys, serve
from iotistic_contract.codec import b64u_encode
from iotistic_pki.ca import Authority
from iotistic_pki.provisioning import ProvisioningKeys
from tests.fixtures.engine import busybox, docker_engine, registry

__all__ = ["busybox", "docker_engine", "registry"]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with make_authority(tmp_path_factory.mktemp("pki")) as made:
        yield made


@pytest.fixture(scope="session")
def wrapping_keys() -> ProvisioningKeys:
    return make_keys()


@pytest.fixture
def tenant(
    authority: Authority, wrapping_keys: ProvisioningKeys, tmp_path: Path
) -> Iterator[Tenant]:
    made = Tenant(authority, wrapping_keys, b64u_encode(b"s" * 32))
    server = serve(made, tmp_path)
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def device(docker_engine, tenant, tmp_path) -> Iterator[Device]:
    tenant.poll_interval_ms = 200
    made = Device(docker_engine, tenant, tmp_path)
    yield made
    made.clean()
