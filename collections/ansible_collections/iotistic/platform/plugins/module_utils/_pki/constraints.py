# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""What a tenant CA may certify: RFC 5280 name constraints, written and read back."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509

from .errors import NameRefused

__all__ = ["INTERNAL_DOMAIN", "Scope", "canonical_addresses", "check_dns_name", "tenant_scope"]

INTERNAL_DOMAIN = "iotistic.internal"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DNS = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_ANY_ADDRESS = tuple(ipaddress.ip_network(text) for text in ("0.0.0.0/0", "::/0"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Names that an authority may certify; `domains` cover their subdomains too.

    `uri_domain` is the host under which identities live, without a leading dot.
    """

    domains: tuple[str, ...]
    uri_domain: str
    addresses: tuple[str, ...]

    def extension(self) -> x509.NameConstraints:
        """Return the critical extension; without addresses all IP addresses are excluded.

        (A permitted list says nothing about types that it doesn't name.)
        """
        permitted: list[x509.GeneralName] = [x509.DNSName(domain) for domain in self.domains]
        permitted.append(x509.UniformResourceIdentifier(f".{self.uri_domain}"))
        permitted += [x509.IPAddress(ipaddress.ip_network(text)) for text in self.addresses]
        excluded = None if self.addresses else [x509.IPAddress(net) for net in _ANY_ADDRESS]
        return x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=excluded)

    def check(self, names: Sequence[str], addresses: Sequence[str]) -> None:
        """Refuse, with NameRefused, what a verifier would refuse later."""
        for name in names:
            if not any(name == domain or name.endswith(f".{domain}") for domain in self.domains):
                raise NameRefused("name", f"{name} isn't below {' or '.join(self.domains)}")
        for address in addresses:
            if address not in self.addresses:
                allowed = ", ".join(self.addresses) or "none"
                raise NameRefused("address", f"{address} isn't an address of this CA ({allowed})")

    @classmethod
    def of(cls, certificate: x509.Certificate) -> "Scope | None":
        """Return the scope that `certificate` states, or None when it is unconstrained."""
        try:
            found = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        except x509.ExtensionNotFound:
            return None
        permitted = found.permitted_subtrees or []
        uris = [
            name.value for name in permitted if isinstance(name, x509.UniformResourceIdentifier)
        ]
        return cls(
            domains=tuple(name.value for name in permitted if isinstance(name, x509.DNSName)),
            uri_domain=uris[0].removeprefix(".") if uris else INTERNAL_DOMAIN,
            addresses=tuple(
                str(name.value.network_address)
                for name in permitted
                if isinstance(name, x509.IPAddress)
                and isinstance(name.value, ipaddress.IPv4Network | ipaddress.IPv6Network)
            ),
        )


def tenant_scope(short: str, base_domain: str, addresses: Sequence[str]) -> Scope:
    """Return the scope of one tenant: its two domains, its identities, its addresses one by one."""
    check_dns_name(base_domain)
    canonical = canonical_addresses(addresses)
    internal = f"{short}.{INTERNAL_DOMAIN}"
    public = f"{short}.{base_domain}"
    domains = (internal,) if public == internal else (internal, public)
    return Scope(domains=domains, uri_domain=internal, addresses=canonical)


def check_dns_name(name: str) -> None:
    """Refuse, with NameRefused, what is no lower-case DNS name; wildcards aren't certified."""
    if not _DNS.fullmatch(name):
        raise NameRefused("name", f"not a lower-case DNS name: {name!r:.260}")


def canonical_addresses(addresses: Sequence[str]) -> tuple[str, ...]:
    """Return the addresses in the one spelling that certificates have; NameRefused otherwise."""
    try:
        return tuple(str(_address(text)) for text in addresses)
    except ValueError as error:
        raise NameRefused("address", str(error)) from None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if "%" in text:
        raise ValueError(f"an address with a zone: {text!r}")
    return ipaddress.ip_address(text)
