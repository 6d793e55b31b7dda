"""Operators' modules and billing's worker, by a token that billing signed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from iotistic_kit.auth import Principal, bearer
from iotistic_kit.errors import Problem
from iotistic_pki.errors import TokenRefused
from iotistic_pki.tokens import ServiceToken, verify_service_token

if TYPE_CHECKING:
    from falcon.asgi import Request

    from iotistic_kit.clock import Clock
    from iotistic_tenant_api.live.licensing import Licensing

__all__ = ["ServiceAuthenticator"]

_MOST_HELD = 256


class ServiceAuthenticator:
    """Bearer tokens of `typ: service+jwt` for this tenant; a signature is checked once."""

    def __init__(self, licensing: Licensing, clock: Clock) -> None:
        self._licensing = licensing
        self._clock = clock
        self._verified: dict[tuple[bytes, int], ServiceToken] = {}

    async def authenticate(self, req: Request) -> Principal | None:
        """Return the service; None without a bearer token, Problem 401 for any other one."""
        text = bearer(req)
        if text is None:
            return None
        token = await self._verify(text)
        return Principal(kind="service", id=token.sub, scopes=token.scope, customer_id=token.aud)

    async def _verify(self, text: str) -> ServiceToken:
        keys = (await self._licensing.installed()).keys
        name = (hashlib.sha256(text.encode()).digest(), keys.seq)
        now = self._clock.now()
        held = self._verified.get(name)
        if held is not None and now.timestamp() < held.exp:
            return held
        try:
            token = verify_service_token(text, keys, self._licensing.customer_id, now)
        except TokenRefused as refused:
            raise _unauthorized(refused.reason) from None
        if len(self._verified) >= _MOST_HELD:
            self._verified.clear()
        self._verified[name] = token
        return token


def _unauthorized(reason: str) -> Problem:
    return Problem(
        401,
        "unauthorized",
        f"the token is refused: {reason}",
        headers={"WWW-Authenticate": "Bearer"},
    )
