"""Whose address a request counts under."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from falcon.asgi import Request

__all__ = ["HEADER", "Forwarding"]

HEADER = "X-Iotistic-Proxy-Secret"


class Forwarding:
    """Believes ``X-Forwarded-For`` of whoever has the proxy's secret; without one, of nobody.

    An address proves little: any process of a machine may call from any of its own.
    """

    def __init__(self, secret: str | None) -> None:
        self._secret = (secret or "").encode()

    def address_of(self, req: Request) -> str:
        """Return the peer's address, or the one that the proxy says it speaks for."""
        peer: str = req.remote_addr
        forwarded = req.get_header("X-Forwarded-For")
        if not forwarded or not self._is_proxy(req):
            return peer
        return forwarded.rpartition(",")[2].strip()[:64]

    def _is_proxy(self, req: Request) -> bool:
        given = (req.get_header(HEADER) or "").encode()
        return bool(self._secret) and hmac.compare_digest(given, self._secret)
