"""One hierarchy and a few keys for all tests: keys and CAs are slow to make."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from iotistic_pki import ca
from iotistic_pki.keys import KeyKind, PrivateKey, new_key, private_pem
from iotistic_pki.requests import make_request

TENANT = ca.Tenant(
    customer_id="cust_" + "d4" * 16, base_domain="example.test", addresses=("127.77.3.20",)
)
CUSTOMER, OTHER_CUSTOMER = "cust_" + "a1" * 16, "cust_" + "b2" * 16


@dataclass(frozen=True, slots=True)
class Site:
    """Root, platform and two tenants, each tenant with one address."""

    root: ca.Authority
    platform: ca.Authority
    tenant: ca.Authority
    other: ca.Authority


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate on disk, its chain after it, and its key."""

    certificate: x509.Certificate
    path: Path
    key_path: Path


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    root = ca.create_root(folder / "root", "Test")
    platform = ca.create_platform(folder / "platform", root, "Test")
    tenants = [
        ca.create_tenant(
            folder / name,
            platform,
            ca.Tenant(customer_id=customer, base_domain="example.test", addresses=(address,)),
        )
        for name, customer, address in (
            ("tenant", CUSTOMER, "127.77.3.16"),
            ("other", OTHER_CUSTOMER, "127.77.3.17"),
        )
    ]
    opened = Site(root, platform, tenants[0], tenants[1])
    yield opened
    for authority in (root, platform, *tenants):
        authority.close()


@pytest.fixture
def tenant(site: Site, tmp_path: Path) -> Iterator[ca.Authority]:
    """A tenant CA of the test's own, in `tmp_path / "ca"`."""
    with ca.create_tenant(tmp_path / "ca", site.platform, TENANT) as authority:
        yield authority


@pytest.fixture
def leaf(tmp_path: Path) -> Callable[..., Leaf]:
    """Issue a leaf and put it on disk as a program would have it."""

    def make(authority: ca.Authority, profile: ca.Profile, kind: str = "p256") -> Leaf:
        key = new_key(kind)
        certificate = authority.issue(make_request(key), profile)
        return put(tmp_path, authority, certificate, key)

    return make


def put(
    folder: Path, authority: ca.Authority, certificate: x509.Certificate, key: PrivateKey
) -> Leaf:
    name = ca.serial_text(certificate)
    path, key_path = folder / f"{name}.pem", folder / f"{name}.key"
    path.write_bytes(ca.pem([certificate, *authority.chain]))
    key_path.write_bytes(private_pem(key))
    return Leaf(certificate, path, key_path)


@pytest.fixture
def verify() -> Callable[..., str]:
    """Run `openssl verify -x509_strict`; "OK", or OpenSSL's words for what is wrong."""

    def run(path: Path, anchor: Path, *options: object) -> str:
        command = ["openssl", "verify", "-x509_strict", "-no-CApath", "-no-CAstore"]
        command += ["-CAfile", str(anchor), *map(str, options), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return "OK"
        lines = done.stderr.splitlines()
        return next(line.partition("lookup: ")[2] for line in lines if "lookup: " in line)

    return run


@pytest.fixture(scope="session")
def rsa_keys() -> list[PrivateKey]:
    return [new_key(KeyKind.RSA_2048) for _ in range(5)]


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
