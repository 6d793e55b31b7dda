"""What billing signed and this tenant holds: keys, license, revocations, the highest time seen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iotistic_contract.codec import format_time, parse_time
from iotistic_contract.license import License, SeenTime
from iotistic_pki.errors import TokenRefused
from iotistic_pki.tokens import KeySet, seed_keys, verify_license
from iotistic_tenant_api.storage.configuration import PostgresConfiguration

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_tenant_api.settings import TenantSettings
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["Installed", "Seeds", "read_installed", "store_installed"]

KEYS, LICENSE, REVOCATIONS, CLOCK = (
    "license.keys",
    "license.token",
    "license.revocations",
    "license.clock",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """What the deployment gave: public keys in PEM, and a first license."""

    license_key: str
    service_key: str | None = None
    token: str | None = field(default=None, repr=False)

    @property
    def mark(self) -> str:
        """Changes when a deployment brings other keys: they then replace the whole set."""
        text = "\n".join(key.strip() for key in (self.license_key, self.service_key or ""))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def keys(self) -> KeySet:
        """The set of keys that a deployment begins with."""
        return seed_keys(self.license_key, self.service_key)

    @classmethod
    def of(cls, settings: TenantSettings) -> Seeds | None:
        """Return the seeds in the settings; None when there is no license key to trust."""
        if settings.license_public_key is None:
            return None
        service, token = settings.service_public_key, settings.iotistic_license_key
        return cls(
            license_key=settings.license_public_key.get_secret_value(),
            service_key=service.get_secret_value() if service else None,
            token=token.get_secret_value().strip() if token else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The license in force with everything that decides about it."""

    keys: KeySet
    license: License | None = None
    token: str | None = field(default=None, repr=False)
    revocations_seq: int = 0
    revoked_ids: frozenset[str] = frozenset()
    revocations_until: datetime | None = None
    seen: SeenTime

    @property
    def revoked(self) -> bool:
        """Whether billing took the license back."""
        return self.license is not None and self.license.jti in self.revoked_ids


async def read_installed(
    connection: Connection, seeds: Seeds, customer_id: str, now: datetime
) -> Installed:
    """Return what is stored; the seeded license counts when its `iat` is the higher one."""
    configuration = PostgresConfiguration(connection)
    stored = await configuration.get(KEYS)
    fresh = stored is None or stored.get("seed") != seeds.mark
    keys = seeds.keys if fresh else KeySet.from_mapping(stored["set"])
    license_, token = None, None
    for offered in (await configuration.get(LICENSE), {"token": seeds.token}):
        found = _verified(offered, keys, customer_id, now)
        if found is not None and (license_ is None or found.iat > license_.iat):
            license_, token = found, offered["token"]
    revocations = await configuration.get(REVOCATIONS) or {}
    return Installed(
        keys=keys,
        license=license_,
        token=token,
        revocations_seq=revocations.get("seq", 0),
        revoked_ids=frozenset(revocations.get("jtis", ())),
        revocations_until=_time(revocations.get("nextUpdate")),
        seen=_seen(await configuration.get(CLOCK), now),
    )


async def store_installed(
    connection: Connection, seeds: Seeds, installed: Installed, now: datetime
) -> None:
    """Keep all of it in the database."""
    configuration = PostgresConfiguration(connection)
    await configuration.put(KEYS, {"seed": seeds.mark, "set": installed.keys.to_mapping()}, now)
    if installed.token is not None:
        await configuration.put(LICENSE, {"token": installed.token}, now)
    if installed.revocations_until is not None:
        revocations = {
            "seq": installed.revocations_seq,
            "jtis": sorted(installed.revoked_ids),
            "nextUpdate": format_time(installed.revocations_until),
        }
        await configuration.put(REVOCATIONS, revocations, now)
    seen = installed.seen
    clock = {
        "highest": format_time(seen.highest),
        "signedIat": format_time(seen.signed_iat) if seen.signed_iat else None,
    }
    await configuration.put(CLOCK, clock, now)


def _verified(offered: Any, keys: KeySet, customer_id: str, now: datetime) -> License | None:
    token = None if offered is None else offered.get("token")
    if not token:
        return None
    try:
        return verify_license(token, keys, customer_id, now)
    except TokenRefused:
        return None


def _seen(stored: Any, now: datetime) -> SeenTime:
    if stored is None:
        return SeenTime(highest=now)
    highest = parse_time(stored["highest"])
    return SeenTime(highest=highest, signed_iat=_time(stored.get("signedIat")))


def _time(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)
