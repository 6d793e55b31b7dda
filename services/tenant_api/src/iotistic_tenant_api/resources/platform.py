"""License, CA certificates, revocations, and the description of this API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from iotistic_contract.plans import LIMITS
from iotistic_kit.auth import PUBLIC
from iotistic_kit.bodies import read_body, read_query
from iotistic_kit.openapi import describe
from iotistic_kit.operation import operation
from iotistic_pki.errors import TokenRefused
from iotistic_pki.tokens import verify_license
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.resources.access import READ
from iotistic_tenant_api.schemas import Body, LicenseView, TokenBody, VerifiedView
from iotistic_tenant_api.storage.devices import PostgresDevices
from iotistic_tenant_api.usecases.invitations import seats

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from falcon.asgi import Request, Response

    from iotistic_contract.license import License
    from iotistic_kit.app import ServiceApp
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.live.licensing import Licensing

__all__ = ["Anchors", "Description", "LicenseChecks", "Licenses", "Revocations"]

PEM_FILE = "application/x-pem-file"
_PEM = {"type": "string"}


class Licenses:
    """The license in force."""

    def __init__(self, licensing: Licensing, database: Database, clock: Clock) -> None:
        self._licensing = licensing
        self._database = database
        self._clock = clock

    @operation("Show the license in force", access=READ, response=LicenseView)
    async def on_get(self, _req: Request, resp: Response) -> None:
        """Answer state, plan, limits and how much of them is used."""
        installed = await self._licensing.installed()
        status = await self._licensing.status()
        async with self._database.connection() as connection:
            used = await PostgresDevices(connection).count_registered()
            people = await seats(connection, self._clock.now())
        resp.media = LicenseView(
            state=str(status.state),
            until=status.until,
            clock_suspect=status.clock_suspect,
            license=_shown(installed.license),
            usage={"maxDevices": used, "maxUsers": people},
        ).wire()


class LicenseChecks:
    """Whether a token is a license of this tenant."""

    def __init__(self, licensing: Licensing, clock: Clock) -> None:
        self._licensing = licensing
        self._clock = clock

    @operation("Verify the installed license", access=READ, response=VerifiedView)
    async def on_get(self, _req: Request, resp: Response) -> None:
        """Answer what the installed token says."""
        resp.media = await self._verified(None)

    @operation("Verify a license", access=READ, request=TokenBody, response=VerifiedView)
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer what the token in the body says, or the installed one."""
        resp.media = await self._verified((await read_body(req, TokenBody)).token)

    async def _verified(self, token: str | None) -> dict[str, Any]:
        installed = await self._licensing.installed()
        offered = installed.token if token is None else token
        if offered is None:
            return VerifiedView(valid=False, reason="missing").wire()
        customer = self._licensing.customer_id
        try:
            license_ = verify_license(offered, installed.keys, customer, self._clock.now())
        except TokenRefused as refused:
            return VerifiedView(valid=False, reason=refused.reason).wire()
        if license_.jti in installed.revoked_ids:
            return VerifiedView(valid=False, reason="revoked", license=_shown(license_)).wire()
        return VerifiedView(valid=True, license=_shown(license_)).wire()


class Pin(Body):
    """Which CA is asked for."""

    pin: str | None = Field(default=None, max_length=64)


class Anchors:
    """The tenant's CA certificates, by the pin of their key; newest first."""

    def __init__(self, certificates: Mapping[str, str]) -> None:
        self._certificates = dict(certificates)

    @operation(
        "Fetch the CA certificate",
        access=PUBLIC,
        query=Pin,
        response=_PEM,
        response_type=PEM_FILE,
        problems=(404,),
    )
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer exactly one certificate in PEM."""
        pin = read_query(req, Pin).pin or next(iter(self._certificates))
        if pin not in self._certificates:
            raise Refused(404, "not_found", "no CA certificate with this pin")
        resp.content_type = PEM_FILE
        resp.text = self._certificates[pin]


class Revocations:
    """The tenant CA's list of revoked certificates."""

    def __init__(self, crl_file: Path) -> None:
        self._crl_file = crl_file

    @operation("Fetch the revocation list", access=PUBLIC, response=_PEM, response_type=PEM_FILE)
    async def on_get(self, _req: Request, resp: Response) -> None:
        """Answer the CRL in PEM."""
        try:
            resp.data = self._crl_file.read_bytes()
        except OSError:
            raise Refused(503, "unavailable", "the revocation list can't be read") from None
        resp.content_type = PEM_FILE


class Description:
    """The OpenAPI document of this API."""

    def __init__(self, app: ServiceApp, title: str, version: str) -> None:
        self._app = app
        self._named = (title, version)
        self._document: dict[str, Any] | None = None

    @operation("Describe this API", access=PUBLIC, response={"type": "object"})
    async def on_get(self, _req: Request, resp: Response) -> None:
        """Answer OpenAPI 3.1."""
        if self._document is None:
            self._document = describe(self._app, *self._named)
        resp.media = self._document


def _shown(license_: License | None) -> dict[str, Any] | None:
    if license_ is None:
        return None
    claims = license_.claims()
    names = ("jti", "customerName", "plan", "features", "trial", "subscription")
    limits = {wire: getattr(license_.limits, name) for wire, name in LIMITS.items()}
    return {name: claims.get(name) for name in names} | {"limits": limits}
