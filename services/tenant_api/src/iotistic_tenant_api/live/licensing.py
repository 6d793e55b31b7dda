"""The license as the gates of this worker see it: verified once, then held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iotistic_contract.license import (
    LicenseStatus,
    check_feature_access,
    license_status,
)
from iotistic_contract.plans import PLANS, TRIAL_PLAN
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.security.billing import Installed, Seeds, read_installed

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.live.held import Held
    from iotistic_tenant_api.settings import TenantSettings

__all__ = ["Gate", "Licensing"]

SUBJECT = "license"


@dataclass(frozen=True, slots=True)
class Gate:
    """The license at one moment; asking it reads nothing."""

    installed: Installed
    now: datetime
    upgrade_url: str

    def require(self, feature: str | None = None, used: int | None = None) -> None:
        """Refuse a write by people with 402 or 403 when the license doesn't allow it."""
        access = check_feature_access(
            self.installed.license,
            feature,
            self.now,
            used=used,
            revoked=self.installed.revoked,
            highest_seen=self.installed.seen.highest,
        )
        if access.allowed:
            return
        facts = access.members()
        if access.status == 403:
            facts["upgrade"] = self.upgrade_url
        raise Refused(access.status, str(access.code), access.detail, **facts)


class Licensing:
    """Answers whether people may write, by the license in force."""

    def __init__(
        self,
        database: Database,
        held: Held[Installed],
        clock: Clock,
        seeds: Seeds,
        settings: TenantSettings,
    ) -> None:
        self._database = database
        self._held = held
        self._clock = clock
        self._seeds = seeds
        self.customer_id = settings.customer_id
        self.upgrade_url = settings.billing_url or settings.public_url

    async def installed(self) -> Installed:
        """Return the license in force, from memory while nobody said that it changed."""
        found = await self._held.get(SUBJECT, self._read, lambda _: SUBJECT)
        return found if found is not None else await self._read()

    async def status(self) -> LicenseStatus:
        """Return the license's state now."""
        installed = await self.installed()
        now, seen = self._clock.now(), installed.seen.highest
        return license_status(installed.license, now, revoked=installed.revoked, highest_seen=seen)

    async def require(self, feature: str | None = None, used: int | None = None) -> None:
        """Refuse a write by people with 402 or 403 when the license doesn't allow it now."""
        (await self.gate()).require(feature, used)

    async def gate(self) -> Gate:
        """Return what the license decides now, to be asked while a transaction is open."""
        return Gate(await self.installed(), self._clock.now(), self.upgrade_url)

    async def max_devices(self) -> int | None:
        """Return how many devices may be registered, in whatever state the license is.

        Without any license it is the smallest plan's number: a missing license never bricks a
        device, and never lets in any number of them.
        """
        license_ = (await self.installed()).license
        limits = PLANS[TRIAL_PLAN].limits if license_ is None else license_.limits
        return limits.max_devices

    async def _read(self) -> Installed:
        async with self._database.connection() as connection:
            return await read_installed(
                connection, self._seeds, self.customer_id, self._clock.now()
            )
