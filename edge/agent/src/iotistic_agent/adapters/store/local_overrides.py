"""What people at the device asked for, until it is over."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from iotistic_agent.adapters.store.database import Database
from iotistic_contract.codec import format_time
from iotistic_contract.planning.local_overrides import (
    LocalActions,
    LocalOverride,
    Purge,
    Restart,
)
from iotistic_contract.target_state import ServiceState
from iotistic_contract.times import parse_time

__all__ = ["LocalOverrides"]


class LocalOverrides:
    """The tables ``local_overrides``, ``local_restarts`` and ``local_purges``."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def all(self) -> LocalActions:
        """Return everything that is asked for.

        A clock that was set back makes no override last longer than it was asked for.
        """
        restarts = self._database.rows(
            "SELECT serviceId, containerId, startedAt, owner, reason FROM local_restarts"
            " ORDER BY serviceId"
        )
        purges = self._database.rows(
            "SELECT appId, volumes, owner, reason FROM local_purges ORDER BY appId"
        )
        return LocalActions(
            overrides=self._overrides(),
            restarts=tuple(
                Restart(
                    service_id=id_, container_id=container, started_at=at, owner=who, reason=why
                )
                for id_, container, at, who, why in restarts
            ),
            purges=tuple(
                Purge(app_id=id_, volumes=frozenset(json.loads(names)), owner=who, reason=why)
                for id_, names, who, why in purges
            ),
        )

    def keep(self, actions: LocalActions, given_back: Iterable[str] = ()) -> None:
        """Add ``actions``, each in the place of a former one, and end the overrides given back."""
        with self._database.transaction():
            for service_id in given_back:
                self._drop("local_overrides", "serviceId", service_id)
            for override in actions.overrides:
                self._hold(override)
            for restart in actions.restarts:
                self._database.run(
                    "INSERT OR REPLACE INTO local_restarts VALUES (?, ?, ?, ?, ?)",
                    restart.service_id,
                    restart.container_id,
                    restart.started_at,
                    restart.owner,
                    restart.reason,
                )
            for purge in actions.purges:
                self._database.run(
                    "INSERT OR REPLACE INTO local_purges VALUES (?, ?, ?, ?)",
                    purge.app_id,
                    json.dumps(sorted(purge.volumes)),
                    purge.owner,
                    purge.reason,
                )

    def forget(self, over: Iterable[LocalOverride | Restart | Purge]) -> int:
        """Drop what is over and return how many those were; what was asked anew stays."""
        known = self.all().all()
        gone = [each for each in over if each in known]
        with self._database.transaction():
            for each in gone:
                match each:
                    case LocalOverride():
                        self._drop("local_overrides", "serviceId", each.service_id)
                    case Restart():
                        self._drop("local_restarts", "serviceId", each.service_id)
                    case Purge():
                        self._drop("local_purges", "appId", each.app_id)
        return len(gone)

    def _overrides(self) -> tuple[LocalOverride, ...]:
        now = self._now()
        rows = self._database.rows(
            "SELECT serviceId, state, insteadOf, owner, reason, until, seconds"
            " FROM local_overrides ORDER BY serviceId"
        )
        return tuple(
            LocalOverride(
                service_id=service_id,
                state=ServiceState(state),
                instead_of=ServiceState(instead_of),
                owner=owner,
                reason=reason,
                until=until and min(parse_time(until), now + timedelta(seconds=seconds)),
            )
            for service_id, state, instead_of, owner, reason, until, seconds in rows
        )

    def _hold(self, override: LocalOverride) -> None:
        until = override.until
        self._database.run(
            "INSERT OR REPLACE INTO local_overrides VALUES (?, ?, ?, ?, ?, ?, ?)",
            override.service_id,
            override.state,
            override.instead_of,
            override.owner,
            override.reason,
            None if until is None else format_time(until),
            None if until is None else round((until - self._now()).total_seconds()),
        )

    def _drop(self, table: str, key: str, value: str) -> None:
        self._database.run(f"DELETE FROM {table} WHERE {key} = ?", value)  # noqa: S608 -- our own names
