"""Renewal of what billing signs: keys, license, revocations. Its absence restricts nobody."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import structlog

from iotistic_pki.errors import TokenRefused
from iotistic_pki.tokens import verify_license, verify_revocations, verify_signed_jwks
from iotistic_tenant_api.security.billing import (
    Installed,
    Seeds,
    read_installed,
    store_installed,
)
from iotistic_tenant_api.storage.connection import LICENSE_CHANGED, announce

if TYPE_CHECKING:
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.settings import TenantSettings

__all__ = ["BillingAway", "BillingClient", "Fetched", "RenewLicense", "renewed"]

_log = structlog.get_logger("iotistic_tenant_api.license")


class BillingAway(Exception):  # noqa: N818 - a condition, not a fault
    """Billing isn't told of, doesn't answer, or answers with an error."""


class BillingClient:
    """Reads from billing with this tenant's own key."""

    def __init__(self, settings: TenantSettings) -> None:
        self._settings = settings

    async def get(self, path: str, accept: str, *, private: bool = False) -> httpx.Response:
        """Return the answer to GET `path`."""
        settings, headers = self._settings, {"Accept": accept}
        if private and settings.billing_token is not None:
            token = settings.billing_token.get_secret_value().strip()
            headers["Authorization"] = f"Bearer {token}"
        if not settings.billing_url:
            raise BillingAway("BILLING_URL isn't set")
        try:
            async with httpx.AsyncClient(verify=self._trust(), timeout=10) as client:
                answer = await client.get(settings.billing_url.rstrip("/") + path, headers=headers)
        except (httpx.HTTPError, OSError) as error:
            raise BillingAway(type(error).__name__) from None
        if answer.status_code != 200:
            raise BillingAway(f"{path}: {answer.status_code}")
        return answer

    def _trust(self) -> ssl.SSLContext:
        ca = self._settings.tls_ca_file
        return ssl.create_default_context(cafile=None if ca is None else str(ca))


class RenewLicense:
    """Fetches, verifies, keeps, and tells the workers when something changed."""

    def __init__(
        self, database: Database, seeds: Seeds, settings: TenantSettings, clock: Clock
    ) -> None:
        self._database = database
        self._seeds = seeds
        self._customer_id = settings.customer_id
        self._billing = BillingClient(settings)
        self._clock = clock

    async def __call__(self) -> None:
        """Keep what is newer than what is held; what billing doesn't answer stays as it is."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            held = await read_installed(connection, self._seeds, self._customer_id, now)
        after = held
        try:
            after = await self._fetched(held, now)
        except BillingAway as away:
            _log.info("billing_away", reason=str(away))
        after = replace(after, seen=_seen(after, now))
        async with self._database.transaction() as connection:
            await store_installed(connection, self._seeds, after, now)
            await announce(connection, LICENSE_CHANGED, ["license"])

    async def _fetched(self, held: Installed, now: datetime) -> Installed:
        keys = await self._billing.get("/.well-known/jwks.json", "application/jose+json")
        license_ = await self._billing.get(
            f"/api/licenses/{self._customer_id}", "application/json", private=True
        )
        revocations = await self._billing.get("/api/licenses/revocations", "application/jwt")
        token = license_.json().get("token")
        fetched = Fetched(key_set=keys.json(), token=token, revocations=revocations.text.strip())
        return renewed(held, fetched, self._customer_id, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What billing answered, nothing of it verified."""

    key_set: Any
    token: str | None
    revocations: str


def renewed(held: Installed, fetched: Fetched, customer_id: str, now: datetime) -> Installed:
    """Return `held` with everything in it that is newer and rightly signed."""
    after = held
    try:
        after = replace(after, keys=verify_signed_jwks(held.keys, fetched.key_set))
    except TokenRefused as refused:
        _log.warning("key_set_refused", reason=refused.reason)
    after = _with_license(after, fetched.token, customer_id, now)
    return _with_revocations(after, fetched.revocations)


def _with_license(held: Installed, token: str | None, customer_id: str, now: datetime) -> Installed:
    try:
        license_ = verify_license(token or "", held.keys, customer_id, now)
    except TokenRefused as refused:
        _log.warning("license_refused", reason=refused.reason)
        return held
    if held.license is not None and license_.iat <= held.license.iat:
        return held
    return replace(held, license=license_, token=token)


def _with_revocations(held: Installed, text: str) -> Installed:
    """Remember the own revoked ids for good; refuse a list below the last seen."""
    least = max(held.revocations_seq, held.license.rev_seq if held.license else 0)
    try:
        listed = verify_revocations(text, held.keys, least)
    except TokenRefused as refused:
        _log.warning("revocations_refused", reason=refused.reason)
        return held
    own = {held.license.jti} if held.license else set()
    return replace(
        held,
        revocations_seq=listed.seq,
        revoked_ids=held.revoked_ids | (listed.jtis & own),
        revocations_until=listed.next_update,
    )


def _seen(installed: Installed, now: datetime) -> Any:
    seen = installed.seen
    if installed.license is not None:
        seen = seen.signed(datetime.fromtimestamp(installed.license.iat, UTC))
    return seen.observed(now)
