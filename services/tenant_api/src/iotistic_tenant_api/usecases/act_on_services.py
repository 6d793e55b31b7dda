"""Start, stop, pause and restart one service, or give it back to the spec."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from iotistic_contract.codec import format_time
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.targets import Target, override, restart
from iotistic_tenant_api.storage.targets import PostgresTargets
from iotistic_tenant_api.usecases.keep_devices import unknown_device
from iotistic_tenant_api.usecases.write_targets import check_plan, store

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.live.licensing import Licensing

__all__ = ["ActOnService", "Action", "ServiceAct"]

NO_REASON = "no reason given"


class Action(StrEnum):
    """What a person does with a service."""

    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESTART = "restart"
    GIVE_BACK = "give-back"


_STATES = {Action.START: "running", Action.STOP: "stopped", Action.PAUSE: "paused"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAct:
    """One action on one service, by whom and why; `expires_at` None holds it for good."""

    uuid: str
    app_id: str
    service_id: str
    action: Action
    by: str
    reason: str | None = None
    expires_at: datetime | None = None


class ActOnService:
    """Acts on services; what is done is an override, owned by who did it."""

    def __init__(self, database: Database, licensing: Licensing, clock: Clock) -> None:
        self._database = database
        self._licensing = licensing
        self._clock = clock

    async def __call__(self, act: ServiceAct) -> Target:
        """Return the target with the action in force; 404 for what the spec hasn't."""
        await self._licensing.require()
        now = self._clock.now()
        if act.expires_at is not None and act.expires_at <= now:
            raise Refused(422, "invalid", "lies in the past", pointer="/expiresAt")
        async with self._database.transaction() as connection:
            targets = await PostgresTargets(connection).get([act.uuid], lock=True)
            if act.uuid not in targets:
                raise unknown_device(act.uuid)
            target = targets[act.uuid]
            _check_there(target, act)
            await check_plan(connection, self._licensing, targets)
            changed = _changed(target, act, now)
            if changed is not target:
                await store(connection, targets, [changed], by=act.by)
        return changed


def _changed(target: Target, act: ServiceAct, now: datetime) -> Target:
    reason = act.reason or NO_REASON
    if act.action is Action.RESTART:
        return restart(target, act.service_id, owner=act.by, reason=reason, now=now)
    if act.action is Action.GIVE_BACK:
        return override(target, {act.service_id: None}, now)
    wish = {"state": _STATES[act.action], "owner": act.by, "reason": reason}
    if act.expires_at is not None:
        wish["expiresAt"] = format_time(act.expires_at)
    return override(target, {act.service_id: wish}, now)


def _check_there(target: Target, act: ServiceAct) -> None:
    app = (target.spec or {}).get("apps", {}).get(act.app_id, {})
    if not any(one["serviceId"] == act.service_id for one in app.get("services", ())):
        raise Refused(404, "not_found", "the spec has no such service in this app")
