"""Check and use up a code, within the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_tenant_api.security.second_factor import recovery_hash
from iotistic_tenant_api.storage.configuration import PostgresAudit
from iotistic_tenant_api.storage.users import PostgresUsers

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_tenant_api.domain.people import User
    from iotistic_tenant_api.security.second_factor import SecondFactor
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["take_code"]


async def take_code(
    connection: Connection, factor: SecondFactor, user: User, code: str, now: datetime
) -> bool:
    """Tell whether `code` is of now, by time or for recovery; it is then good no more."""
    users = PostgresUsers(connection)
    if user.totp_secret is not None:
        step = factor.step(user.id, user.totp_secret, code, now)
        if step is not None:
            return await users.take_step(user.id, step)
    if not await users.take_recovery(user.id, recovery_hash(code)):
        return False
    await PostgresAudit(connection).record("recovery_code_used", user.id, actor=user.id, at=now)
    return True
