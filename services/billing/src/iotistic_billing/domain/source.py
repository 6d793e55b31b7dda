"""Where requests come from, as limits count it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Network, ip_address

__all__ = ["LONGEST", "network_of"]

LONGEST = 64
_SITE = 64


def network_of(address: str) -> str:
    """Return an IPv4 address as it is, of an IPv6 one its /64: what one site has to itself.

    What is no address, as with a Unix socket, is cut to ``LONGEST`` characters.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:LONGEST]
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), _SITE), strict=False))
