"""What has had its time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from iotistic_tenant_api.storage.people import forget_people
from iotistic_tenant_api.storage.provisioning import PostgresProvisioningAttempts

if TYPE_CHECKING:
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["forget"]

_KEPT = timedelta(days=90)


async def forget(connection: Connection, now: datetime) -> int:
    """Remove what decides nothing any more: tries, challenges, dead marks, old history."""
    removed = await PostgresProvisioningAttempts(connection).forget(now)
    for statement in (
        """DELETE FROM device_marks m USING device_registrations r
           WHERE r.id = m.registration AND r.ended_at < %s""",
        """DELETE FROM device_target_state_history h USING device_target_state t
           WHERE t.device_uuid = h.device_uuid AND h.version < t.version AND h.changed_at < %s""",
        """DELETE FROM device_certificates WHERE not_after < %s""",
    ):
        cursor = await connection.execute(statement, (now - _KEPT,))
        removed += cursor.rowcount
    return removed + await forget_people(connection, now)
