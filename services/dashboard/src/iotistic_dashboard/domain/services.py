"""A device's services: what the inventory wants, what a person overrode, what runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Override", "ServiceRow", "service_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What a person did to a service; ``state`` is None when it was a restart only."""

    state: str | None
    owner: str
    reason: str
    expires_at: str | None
    restarted_at: str | None

    @property
    def word(self) -> str:
        """What was done, as a participle."""
        done = {"running": "Started", "stopped": "Stopped", "paused": "Paused"}
        return done.get(self.state or "", "Restarted")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRow:
    """One service; ``state`` is what its container is, 'unknown' without a report."""

    app_id: str
    app_name: str
    service_id: str
    name: str
    image: str
    inventory: str
    state: str
    health: str | None
    error: str
    next_retry: str | None
    override: Override | None

    @property
    def wanted(self) -> str:
        """The state that holds: the override's, else the inventory's."""
        return (self.override and self.override.state) or self.inventory

    @property
    def acts(self) -> tuple[str, ...]:
        """What can be done with it now."""
        by_state = {
            "running": ("restart", "pause", "stop"),
            "paused": ("start", "stop"),
            "stopped": ("start",),
        }
        return by_state.get(self.wanted, ("start", "stop"))

    @property
    def as_wanted(self) -> bool:
        """Whether it is as it should be."""
        expected = {"running": {"running"}, "stopped": {"exited", "stopped", "missing", "created"}}
        return self.state in expected.get(self.wanted, {self.wanted})


def service_rows(
    spec: Mapping[str, Any] | None, overrides: Mapping[str, Any], report: Mapping[str, Any] | None
) -> list[ServiceRow]:
    """Return the services of ``spec``, and those that the device still reports beside it."""
    rows, seen = [], set()
    for app_id, app in _items((spec or {}).get("apps")):
        for service in app.get("services") or ():
            service_id = str(service.get("serviceId", ""))
            seen.add((app_id, service_id))
            known = _reported(report, app_id, service_id)
            rows.append(_row(app_id, app, service, overrides.get(service_id), known))
    for app_id, app in _items((report or {}).get("apps")):
        for service_id, known in _items(app.get("services")):
            if (app_id, service_id) not in seen:
                service = {"serviceId": service_id, "state": "stopped"}
                rows.append(_row(app_id, {}, service, None, known))
    return rows


def _row(
    app_id: str,
    app: Mapping[str, Any],
    service: Mapping[str, Any],
    override: Mapping[str, Any] | None,
    known: Mapping[str, Any] | None,
) -> ServiceRow:
    error = (known or {}).get("error") or {}
    service_id = str(service.get("serviceId", ""))
    return ServiceRow(
        app_id=app_id,
        app_name=str(app.get("appName") or app_id),
        service_id=service_id,
        name=str(service.get("serviceName") or service_id),
        image=str(service.get("imageName") or ""),
        inventory=str(service.get("state") or "running"),
        state=str((known or {}).get("state") or "unknown"),
        health=(known or {}).get("health"),
        error=str(error.get("message") or ""),
        next_retry=error.get("nextRetry"),
        override=_override(override),
    )


def _override(body: Mapping[str, Any] | None) -> Override | None:
    if not body:
        return None
    return Override(
        state=body.get("state"),
        owner=str(body.get("owner") or ""),
        reason=str(body.get("reason") or ""),
        expires_at=body.get("expiresAt"),
        restarted_at=body.get("restartedAt"),
    )


def _reported(
    report: Mapping[str, Any] | None, app_id: str, service_id: str
) -> Mapping[str, Any] | None:
    app = dict(_items((report or {}).get("apps"))).get(app_id, {})
    found = (app.get("services") or {}).get(service_id)
    return found if isinstance(found, Mapping) else None


def _items(value: object) -> list[tuple[str, Mapping[str, Any]]]:
    if not isinstance(value, Mapping):
        return []
    return [(str(key), one) for key, one in value.items() if isinstance(one, Mapping)]
