"""Who may ask over TCP. The unix socket needs no gate: its mode is one."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from iotistic_agent.api.http import Problem, Request
from iotistic_contract.problems import Code

__all__ = ["Gate", "TokenGate", "open_gate"]

OPEN = (("ping",),)
_NAMES = ("127.0.0.1", "localhost")
Gate = Callable[[Request], None]


def open_gate(_request: Request) -> None:
    """Let everybody in who could connect."""


@dataclass(frozen=True, slots=True)
class TokenGate:
    """Lets in who has the token, and comes neither from a web page nor by a foreign name.

    A page of another site could name its own host with our address (DNS rebinding): its requests
    carry that host. Where a proxy says that a request comes from isn't looked at.
    """

    port: int
    token: str = field(repr=False)

    def __call__(self, request: Request) -> None:
        """Return when the request may pass; else Problem."""
        hosts = {f"{name}:{self.port}" for name in _NAMES}
        if request.headers.get("host", "").lower() not in hosts:
            raise Problem(Code.FORBIDDEN, "the Host isn't this API's")
        if "origin" in request.headers:
            raise Problem(Code.FORBIDDEN, "this API is not for web pages")
        if request.parts in OPEN:
            return
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(token.strip().encode("latin-1"), self.token.encode("ascii"))
        if kind.lower() != "bearer" or not right:
            raise Problem(Code.UNAUTHORIZED, "this API's token is needed")
