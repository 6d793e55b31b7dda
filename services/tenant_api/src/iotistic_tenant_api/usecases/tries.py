"""Count a try before anything dear is done for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_tenant_api.storage.login_attempts import PostgresLoginAttempts

if TYPE_CHECKING:
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.domain.tries import Limit

__all__ = ["Tries"]


class Tries:
    """Tries that stay counted whatever comes after."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def count(self, *tries: tuple[Limit, str]) -> list[int]:
        """Count one try under each limit, in this order; Refused 429 by the first that is full.

        What is returned can be given back when the try was a good one.
        """
        async with self._database.transaction() as connection:
            attempts = PostgresLoginAttempts(connection)
            now = self._clock.now()
            return [await attempts.count(limit, subject, now) for limit, subject in tries]
