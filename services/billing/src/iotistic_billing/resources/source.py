"""Whom a request is counted as."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_billing.domain.source import network_of

if TYPE_CHECKING:
    from falcon.asgi import Request

__all__ = ["source_of"]


def source_of(req: Request) -> str:
    """Return the IPv4 address or the IPv6 /64 that the request came from."""
    return network_of(req.remote_addr)
