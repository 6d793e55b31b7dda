# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The kinds of leaf certificate: what stands in them, decided before anything is signed."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from .constraints import canonical_addresses, check_dns_name
from .errors import NameRefused

__all__ = ["LEAF_DAYS", "Profile", "client", "server", "service"]

LEAF_DAYS = 397
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_IDENTITY = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SERVICE = re.compile(r"[a-z][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a leaf certifies; `common_name` is for people (and the tenant's broker), never a host.

    `identity` becomes the URI SAN `iotistic://<identity>.<the CA's domain>/`.
    """

    kind: Literal["server", "client"]
    common_name: str
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    identity: str | None = None

    def __post_init__(self) -> None:
        if not self.common_name or "." in self.common_name or len(self.common_name) > 64:
            raise NameRefused("common_name", "1 to 64 characters, and not a host name")
        if self.identity is not None and not _IDENTITY.fullmatch(self.identity):
            raise NameRefused("identity", "an identity is one label of a host name")

    @property
    def usage(self) -> x509.ObjectIdentifier:
        """The one extended key usage of this profile."""
        if self.kind == "server":
            return ExtendedKeyUsageOID.SERVER_AUTH
        return ExtendedKeyUsageOID.CLIENT_AUTH

    def alternative_names(self, uri_domain: str) -> list[x509.GeneralName]:
        """Return the subjectAltName entries under a CA whose identities live below `uri_domain`."""
        entries: list[x509.GeneralName] = [x509.DNSName(name) for name in self.names]
        entries += [x509.IPAddress(ipaddress.ip_address(text)) for text in self.addresses]
        if self.identity is not None:
            uri = f"iotistic://{self.identity}.{uri_domain}/"
            entries.append(x509.UniformResourceIdentifier(uri))
        return entries


def server(
    names: Sequence[str] = (), addresses: Sequence[str] = (), common_name: str = "server"
) -> Profile:
    """Return a TLS server's profile: at least one DNS name or IP address; else NameRefused."""
    for name in names:
        check_dns_name(name)
    canonical = canonical_addresses(addresses)
    if not names and not canonical:
        raise NameRefused("name", "a server certificate needs a DNS name or an address")
    return Profile(kind="server", common_name=common_name, names=tuple(names), addresses=canonical)


def client(uuid: str) -> Profile:
    """Return a device's profile: its uuid (36 lower-case characters) in CN and URI SAN."""
    if not _UUID.fullmatch(uuid):
        raise NameRefused("uuid", f"not a lower-case uuid: {uuid!r}")
    return Profile(kind="client", common_name=uuid, identity=uuid)


def service(name: str) -> Profile:
    """Return the profile of a tenant's program (`tenant-api`); no device can look like it."""
    if not _SERVICE.fullmatch(name) or _UUID.fullmatch(name):
        raise NameRefused("name", f"not a service name: {name!r}")
    return Profile(kind="client", common_name=name, identity=name)
