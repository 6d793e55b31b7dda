"""Licenses, keys that verify them, and tokens for tenants."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, get_args

from iotistic_billing.domain.errors import CustomerNotFound, LicenseNotFound
from iotistic_billing.schemas.bodies import RevokeBody, Scope, ServiceTokenBody, VerifyBody
from iotistic_billing.schemas.licenses import (
    LicensePage,
    LicenseView,
    PublicKeyView,
    RevokeAnswer,
    ServiceTokenAnswer,
    VerifyView,
)
from iotistic_billing.security import ADMIN, OWN, OWN_PERSON, SOMEBODY
from iotistic_kit.app import principal_of
from iotistic_kit.auth import PUBLIC
from iotistic_kit.bodies import read_body
from iotistic_kit.errors import Problem
from iotistic_kit.operation import operation
from iotistic_pki.keys import public_pem, thumbprint
from iotistic_pki.tokens import Purpose, jwks

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_billing.usecases.licensing import Licensing
    from iotistic_kit.clock import Clock
    from iotistic_pki.license_keys import KeyStore

__all__ = ["Keys", "LicenseResource", "Revocations", "ServiceTokens", "Verification"]

JOSE = "application/jose+json"
JWT = "application/jwt"


class LicenseResource:
    """The license of one customer."""

    def __init__(self, licensing: Licensing) -> None:
        self._licensing = licensing

    @operation(
        "Show a customer's license",
        access=OWN,
        response=LicenseView,
        problems=(CustomerNotFound, LicenseNotFound),
    )
    async def on_get(self, _req: Request, resp: Response, customer_id: str) -> None:
        """Answer the stored license that was made last."""
        stored = await self._licensing.current(customer_id)
        resp.media = LicenseView.of(stored).model_dump(mode="json")
        resp.set_header("Cache-Control", "no-store")

    @operation("List a customer's licenses", access=OWN_PERSON, response=LicensePage)
    async def on_get_history(self, _req: Request, resp: Response, customer_id: str) -> None:
        """Answer all licenses, newest first, also of a customer that is gone."""
        found = await self._licensing.history(customer_id)
        page = LicensePage(items=[LicenseView.of(stored) for stored in found])
        resp.media = page.model_dump(mode="json")
        resp.set_header("Cache-Control", "no-store")

    @operation(
        "Call back a customer's licenses",
        access=ADMIN,
        request=RevokeBody,
        response=RevokeAnswer,
        problems=(CustomerNotFound,),
    )
    async def on_post_revoke(self, req: Request, resp: Response, customer_id: str) -> None:
        """Answer the ids of those that weren't yet."""
        body = await read_body(req, RevokeBody)
        revoked = await self._licensing.revoke(customer_id, body.reason, principal_of(req).id)
        resp.media = RevokeAnswer(revoked=revoked).model_dump(mode="json")


class Verification:
    """A look at any license."""

    def __init__(self, licensing: Licensing) -> None:
        self._licensing = licensing

    @operation("Verify a license", access=SOMEBODY, request=VerifyBody, response=VerifyView)
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer what the token says; a customer sees only what is its own."""
        body = await read_body(req, VerifyBody)
        verified = await self._licensing.verify(body.token)
        who = principal_of(req)
        if who.kind != "admin" and verified.license and verified.license.sub != who.id:
            raise Problem(403, "forbidden", "the license is another customer's")
        resp.media = VerifyView.of(verified).model_dump(mode="json")


class Keys:
    """The public keys."""

    def __init__(self, keys: KeyStore, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    @operation("The key that licenses are signed with", access=PUBLIC, response=PublicKeyView)
    async def on_get_license(self, _req: Request, resp: Response) -> None:
        """Answer the current one in PEM."""
        key = self._keys.signing_key(Purpose.LICENSE)
        view = PublicKeyView(
            kid=thumbprint(key), alg="RS256", public_key=public_pem(key).decode("ascii")
        )
        resp.media = view.model_dump(mode="json")

    @operation(
        "All keys, for licenses and service tokens", access=PUBLIC, response={"type": "object"}
    )
    async def on_get_set(self, req: Request, resp: Response) -> None:
        """Answer a JWK set, or the same signed, with ``Accept: application/jose+json``."""
        resp.set_header("Vary", "Accept")
        if req.get_header("Accept") == JOSE:
            resp.media = await asyncio.to_thread(self._keys.signed_set, self._clock.now())
            resp.set_header("X-Content-Type-Options", "nosniff")
            return
        resp.media = jwks(self._keys.key_set().keys)


class Revocations:
    """The licenses that were called back."""

    def __init__(self, licensing: Licensing) -> None:
        self._licensing = licensing

    @operation(
        "The signed list of licenses that were called back",
        access=PUBLIC,
        response={"type": "string"},
        response_type=JWT,
    )
    async def on_get(self, _req: Request, resp: Response) -> None:
        """Answer a compact JWS."""
        resp.data = (await self._licensing.revocations()).encode("ascii")
        resp.content_type = JWT


class ServiceTokens:
    """Tokens that let somebody in at one tenant for ten minutes."""

    def __init__(self, licensing: Licensing) -> None:
        self._licensing = licensing

    @operation(
        "Make a token for one tenant",
        access=ADMIN,
        request=ServiceTokenBody,
        response=ServiceTokenAnswer,
        status=201,
        problems=(CustomerNotFound,),
    )
    async def on_post(self, req: Request, resp: Response, customer_id: str) -> None:
        """Answer the token; who asked and why is written down."""
        body = await read_body(req, ServiceTokenBody)
        unknown = sorted(set(body.scopes) - set(get_args(Scope)))
        if unknown or not body.scopes:
            fault = {"pointer": "/scope", "detail": f"one or more of {' '.join(get_args(Scope))}"}
            raise Problem(422, "invalid", "the scope isn't known", errors=[fault])
        token, expires_at = await self._licensing.service_token(
            customer_id, body.scopes, body.reason, principal_of(req).id
        )
        resp.status = HTTPStatus.CREATED
        answer = ServiceTokenAnswer(token=token, expires_at=expires_at)
        resp.media = answer.model_dump(mode="json")
        resp.set_header("Cache-Control", "no-store")
