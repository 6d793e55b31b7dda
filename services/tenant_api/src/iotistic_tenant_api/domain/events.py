"""What is worth remembering of a change, and of two reports after another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from iotistic_tenant_api.domain.fleet import FAILED, services_of, summary_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from iotistic_tenant_api.domain.targets import Target

__all__ = ["Event", "Severity", "Told", "report_events", "target_events"]

Severity = Literal["info", "warning", "error"]
Told = Literal["state", "target", "presence", "removed"]

MOST_OF_A_REPORT = 20
_TOLD: Mapping[str, Told] = {
    "removed": "removed",
    "online": "presence",
    "offline": "presence",
    "spec_written": "target",
    "deployed": "target",
    "rolled_back": "target",
    "override_set": "target",
    "override_dropped": "target",
    "override_expired": "target",
    "service_restarted": "target",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to a device, by `actor`; `data` holds no secret.

    Without `at` it happened when it is recorded.
    """

    type: str
    uuid: str
    actor: str
    severity: Severity = "info"
    data: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None

    @property
    def told(self) -> Told:
        """Which part of the device is other than before, for those who look at it."""
        return told_of(self.type)


def told_of(type_: str) -> Told:
    """Return which part of a device an event of this type changes."""
    return _TOLD.get(type_, "state")


def report_events(
    uuid: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> list[Event]:
    """Return what differs between a device's last report and this one, at most 21 events."""
    events = list(_status_events(uuid, before or {}, after))
    if before is None:
        return events
    changed = list(_service_events(uuid, before, after))
    events += changed[:MOST_OF_A_REPORT]
    if len(changed) > MOST_OF_A_REPORT:
        more = {"services": len(changed) - MOST_OF_A_REPORT}
        events.append(Event(type="service_states", uuid=uuid, actor="device", data=more))
    return events


def target_events(
    before: Target, after: Target, *, actor: str, spec: str = "spec_written", expired: bool = False
) -> list[Event]:
    """Return what a write, an override or an expiry changed; `spec` is a spec write's type."""
    events = []
    if after.spec_revision != before.spec_revision:
        data: dict[str, Any] = {"version": after.version, "specRevision": after.spec_revision}
        events.append(Event(type=spec, uuid=after.uuid, actor=actor, data=data))
    for service_id in sorted(before.overrides.keys() | after.overrides.keys()):
        was = before.overrides.get(service_id, {})
        becomes = after.overrides.get(service_id, {})
        found = _override_event(was, becomes, expired=expired)
        if found is not None:
            type_, body = found
            data = {"serviceId": service_id, **body}
            events.append(Event(type=type_, uuid=after.uuid, actor=actor, data=data))
    return events


def _override_event(
    was: Mapping[str, Any], becomes: Mapping[str, Any], *, expired: bool
) -> tuple[str, Mapping[str, Any]] | None:
    if was == becomes:
        return None
    restart = becomes.get("restartedAt")
    if restart is not None and restart != was.get("restartedAt"):
        return "service_restarted", {"reason": becomes["reason"]}
    if becomes.get("state") is not None:
        return "override_set", becomes
    if was.get("state") is not None:
        return "override_expired" if expired else "override_dropped", {"state": was["state"]}
    return None


def _status_events(
    uuid: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Event]:
    was, becomes = summary_of(before), summary_of(after)
    same = (was.status, was.applied_version) == (becomes.status, becomes.applied_version)
    if same or becomes.status is None:
        return
    severity: Severity = "error" if becomes.status in FAILED else "info"
    data = {
        "status": becomes.status,
        "before": was.status,
        "targetVersion": after.get("targetVersion"),
        "appliedVersion": becomes.applied_version,
        "failure": becomes.failure if becomes.status in FAILED else None,
    }
    yield Event(type="report_status", uuid=uuid, actor="device", severity=severity, data=data)


def _service_events(
    uuid: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Event]:
    was = {(app, service): report for app, service, report in services_of(before)}
    becomes = {(app, service): report for app, service, report in services_of(after)}
    for app_id, service_id in sorted(was.keys() | becomes.keys()):
        one, other = was.get((app_id, service_id)), becomes.get((app_id, service_id))
        if _seen(one) == _seen(other):
            continue
        data = {
            "appId": app_id[:64],
            "serviceId": service_id[:64],
            "before": _word(one),
            "after": _word(other),
            "error": _error(other),
        }
        yield Event(
            type="service_state", uuid=uuid, actor="device", severity=_severity(other), data=data
        )


def _seen(service: Mapping[str, Any] | None) -> object:
    return None if service is None else (service.get("state"), service.get("health"))


def _word(service: Mapping[str, Any] | None) -> str | None:
    if service is None:
        return None
    state, health = str(service.get("state"))[:64], service.get("health")
    return f"{state} ({str(health)[:64]})" if health else state


def _error(service: Mapping[str, Any] | None) -> str | None:
    error = None if service is None else service.get("error")
    return None if not error else str(error.get("message") or "")[:500]


def _severity(service: Mapping[str, Any] | None) -> Severity:
    if service is None:
        return "info"
    if service.get("state") in {"dead", "refused"}:
        return "error"
    failing = service.get("error") or service.get("health") == "unhealthy"
    return "warning" if failing or service.get("state") == "restarting" else "info"
