"""What a report comes to: the few words and numbers that lists and overviews are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Summary", "numbers_of", "services_of", "summary_of"]

FAILED = ("failed", "rolled_back")
LONGEST_TEXT = 500
MOST_METRICS = 64
_FAILING = ("dead", "refused", "restarting")
_STOPPED = ("exited", "created")
_LOADS = ("load_1", "load_5", "load_15")


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How a device is with its target; `failure` is {type, message, serviceId?} or None.

    A service is running, stopped, paused or failing; one on its way is none of them.
    """

    status: str | None = None
    applied_version: int | None = None
    failure: Mapping[str, Any] | None = None
    total: int = 0
    running: int = 0
    stopped: int = 0
    paused: int = 0
    failing: int = 0

    @property
    def is_failing(self) -> bool:
        """Whether the target or one of the services failed."""
        return self.status in FAILED or self.failing > 0


def summary_of(report: Mapping[str, Any]) -> Summary:
    """Return what the merged `report` comes to."""
    services = list(services_of(report))
    conditions = [_condition(service) for _, _, service in services]
    status, applied = report.get("status"), report.get("appliedVersion")
    return Summary(
        status=status[:64] if isinstance(status, str) else None,
        applied_version=applied if isinstance(applied, int) else None,
        failure=_failure(report, services),
        total=len(services),
        running=conditions.count("running"),
        stopped=conditions.count("stopped"),
        paused=conditions.count("paused"),
        failing=conditions.count("failing"),
    )


def services_of(report: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield app id, service id and report of each service."""
    for app_id, app in (report.get("apps") or {}).items():
        for service_id, service in ((app or {}).get("services") or {}).items():
            yield app_id, service_id, service or {}


def numbers_of(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers among a report's metrics by name; `load` becomes three of them."""
    load = metrics.get("load")
    named = dict(metrics)
    if isinstance(load, list):
        named |= dict(zip(_LOADS, load, strict=False))
    found = {name[:64]: value for name, value in named.items() if _is_number(value)}
    return dict(list(found.items())[:MOST_METRICS])


def _is_number(value: object) -> bool:
    return type(value) in {int, float} and math.isfinite(value)  # type: ignore[arg-type]


def _condition(service: Mapping[str, Any]) -> str:
    state = service.get("state")
    if state in _FAILING or service.get("error") or service.get("health") == "unhealthy":
        return "failing"
    if state in _STOPPED:
        return "stopped"
    return str(state)


def _failure(
    report: Mapping[str, Any], services: list[tuple[str, str, Mapping[str, Any]]]
) -> Mapping[str, Any] | None:
    if report.get("status") in FAILED:
        return _told(report.get("failure") or {})
    for _, service_id, service in services:
        if _condition(service) == "failing":
            state = service.get("health") if service.get("state") == "running" else None
            fallback = {"type": "health", "message": state or service.get("state")}
            return _told(service.get("error") or fallback) | {"serviceId": service_id[:64]}
    return None


def _told(failure: Mapping[str, Any]) -> dict[str, Any]:
    kind, message = failure.get("type") or "unknown", failure.get("message") or ""
    return {"type": str(kind)[:64], "message": str(message)[:LONGEST_TEXT]}
