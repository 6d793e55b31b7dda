"""What Prometheus sees of a tenant: read from the database, so that all workers say the same."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from prometheus_client.core import GaugeMetricFamily

from iotistic_contract.license import LicenseState
from iotistic_tenant_api.domain.reports import is_online

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.live.licensing import Licensing

__all__ = ["Measures"]

UNCONFIRMED = timedelta(days=7)


class Measures:
    """Devices by condition, certificates that wait for revocation, the license's state."""

    def __init__(self, database: Database, licensing: Licensing, clock: Clock) -> None:
        self._database = database
        self._licensing = licensing
        self._clock = clock

    async def read(self) -> Iterable[Metric]:
        """Return the metrics as of now."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                """SELECT registered_at IS NOT NULL, last_seen_at, poll_interval_ms
                   FROM devices WHERE deleted_at IS NULL"""
            )
            rows = await cursor.fetchall()
            cursor = await connection.execute(
                """SELECT count(*) FROM device_certificates
                   WHERE revoke_at IS NOT NULL AND revoked_at IS NULL"""
            )
            waiting = await cursor.fetchone()
            cursor = await connection.execute(
                """SELECT count(*) FROM device_api_keys
                   WHERE revoked_at IS NULL AND pending_since < %s""",
                (self._clock.now() - UNCONFIRMED,),
            )
            unconfirmed = await cursor.fetchone()
        now = self._clock.now()
        online = sum(is_online(seen, interval, now) for _, seen, interval in rows)
        devices = GaugeMetricFamily("iotistic_devices", "Devices", labels=["condition"])
        devices.add_metric(["described"], len(rows))
        devices.add_metric(["registered"], sum(registered for registered, _, _ in rows))
        devices.add_metric(["online"], online)
        counts = (
            _count("certificates_to_revoke", "Certificates that wait for revocation", waiting),
            _count("api_keys_unconfirmed", "New secrets not used for 7 days", unconfirmed),
        )
        return [devices, *counts, await self._license()]

    async def _license(self) -> Metric:
        status = await self._licensing.status()
        family = GaugeMetricFamily(
            "iotistic_license_state", "1 for the state the license is in", labels=["state"]
        )
        for state in LicenseState:
            family.add_metric([str(state)], float(state is status.state))
        return family


def _count(name: str, text: str, row: Any) -> Metric:
    return GaugeMetricFamily(f"iotistic_{name}", text, value=row[0] if row else 0)
