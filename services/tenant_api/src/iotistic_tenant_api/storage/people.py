"""What of people has had its time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from iotistic_tenant_api.domain.sessions import REFRESH_GOOD_FOR
from iotistic_tenant_api.storage.invitations import PostgresInvitations
from iotistic_tenant_api.storage.login_attempts import PostgresLoginAttempts
from iotistic_tenant_api.storage.sessions import PostgresSessions

if TYPE_CHECKING:
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["forget_people"]

_INVITATIONS_KEPT = timedelta(days=90)


async def forget_people(connection: Connection, now: datetime) -> int:
    """Remove sessions that are over, tries that decide nothing and old invitations; how many."""
    removed = await PostgresLoginAttempts(connection).forget(now)
    removed += await PostgresSessions(connection).forget(now, now - REFRESH_GOOD_FOR)
    return removed + await PostgresInvitations(connection).forget(now - _INVITATIONS_KEPT)
