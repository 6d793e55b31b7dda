"""What the agent's benchmarks run on: one engine, one registry, one tenant."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.agent.tests.device import Device, applied
from edge.agent.tests.tenant import Tenant, make_authority, make_keys, serve
from iotistic_contract.codec import b64u_encode
from tests.fixtures.engine import REGISTRY_HOST, Registry, an_engine, push_busybox
from tests.fixtures.images import run_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.engine import DockerHost


@dataclass
class Bench:
    """One engine, one image, one tenant; each device has a folder of its own."""

    host: DockerHost
    tenant: Tenant
    image: str
    folder: Path

    @contextmanager
    def bare_device(self) -> Iterator[Device]:
        """A device that isn't started yet."""
        device = Device(self.host, self.tenant, Path(tempfile.mkdtemp(dir=self.folder)))
        try:
            yield device
        finally:
            device.clean()

    @contextmanager
    def device(
        self, apps: dict[str, Any], reconcile_ms: int = 30_000, **environment: str
    ) -> Iterator[Device]:
        """A device with ``apps`` applied, which looks by itself each ``reconcile_ms``."""
        self.tenant.documents.clear()
        self.tenant.sections = {}
        self.tenant.set_apps(apps, 1, settings={"reconcileIntervalMs": reconcile_ms})
        with self.bare_device() as device:
            device.start(**environment)
            self.tenant.wait_for(lambda: applied(self.tenant, 1), 300)
            yield device


@contextmanager
def a_bench() -> Iterator[Bench]:
    """Start all of it, and leave nothing of it."""
    with tempfile.TemporaryDirectory(prefix="iot-b-") as name, an_engine() as host:
        folder = Path(name)
        with run_registry(folder, REGISTRY_HOST) as registry, make_authority(folder / "pki") as ca:
            tenant = Tenant(ca, make_keys(), b64u_encode(b"s" * 32))
            tenant.poll_interval_ms = 200
            server = serve(tenant, folder)
            (folder / "image").mkdir()
            try:
                image = push_busybox(host, Registry(registry), folder / "image")
                yield Bench(host, tenant, image, folder)
            finally:
                server.shutdown()
                server.server_close()
