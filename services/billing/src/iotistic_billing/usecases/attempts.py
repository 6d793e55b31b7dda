"""How often somebody may try."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_billing.domain.errors import TooManyAttempts
from iotistic_billing.storage.accounts import PostgresAccounts

if TYPE_CHECKING:
    from datetime import timedelta

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Connection, Database

__all__ = ["Attempts"]


class Attempts:
    """Counts attempts of all processes together."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def count(self, action: str, source: str, limit: int, window: timedelta) -> None:
        """Count one more; TooManyAttempts when there were ``limit`` in the last ``window``."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            again = await PostgresAccounts(connection).count_attempt(
                action, source, now, window, limit
            )
        if again is not None:
            seconds = max(1, int((again - now).total_seconds()) + 1)
            raise TooManyAttempts(
                f"too many attempts; the next is taken in {seconds} s",
                headers={"Retry-After": str(seconds)},
            )

    async def allowed(
        self, connection: Connection, action: str, source: str, limit: int, window: timedelta
    ) -> bool:
        """Count one more within a transaction; False, and nobody is told, when it is too much."""
        now = self._clock.now()
        accounts = PostgresAccounts(connection)
        return await accounts.count_attempt(action, source, now, window, limit) is None
