"""Events as sentences."""

from collections.abc import Mapping
from typing import Any

__all__ = ["sentence"]

_WORDS = {
    "registered": "Registered",
    "reregistered": "Registered again",
    "released": "Released by its owner",
    "removed": "Removed",
    "described": "Described before it registered",
    "changed": "Name, fleet or tags changed",
    "online": "Came online",
    "offline": "Went offline",
    "spec_written": "New target state written",
    "deployed": "Draft deployed",
    "rolled_back": "Rolled back to an earlier target state",
    "override_set": "Service {serviceId} overridden: {state}",
    "override_dropped": "Service {serviceId} given back to the inventory",
    "override_expired": "Override of service {serviceId} ended",
    "service_restarted": "Service {serviceId} restarted",
    "service_state": "Service {serviceId}: {before} → {after}",
    "report_status": "Target state {status}",
    "keys_revoked": "Credentials revoked",
    "readmitted": "May register again",
    "agent-started": "Agent started",
    "connection-online": "Link to the cloud works again",
    "connection-degraded": "Link to the cloud is unsteady",
    "connection-offline": "No link to the cloud",
    "target-state-changed": "New target state received",
    "target-refused": "Target state can't be applied",
    "state-applied": "Target state applied",
    "reconciliation-complete": "Services are as wanted",
    "candidate-rolled-back": "Gone back to the last target state that worked",
    "pull-failed": "Image {image} can't be pulled",
    "service-failed": "Service {serviceId} failed",
    "container-crashed": "Service {serviceId} ended with code {exitCode}",
    "engine-away": "Container engine doesn't answer",
    "engine-back": "Container engine answers again",
    "lines-dropped": "Lines were dropped: the device's outbox is full",
    "lanes-throttled": "The month's budget of the link is nearly used up",
}


def sentence(event: Mapping[str, Any]) -> tuple[str, str]:
    """Return what happened, and the details beside it ('' when there are none)."""
    kind, told = str(event.get("type", "")), event.get("data")
    facts = told if isinstance(told, Mapping) else {}
    known = {key: "none" if value is None else value for key, value in facts.items()}
    template = _WORDS.get(kind.removeprefix("device_").removeprefix("device."))
    try:
        words = (template or _plain(kind)).format_map(known)
    except (KeyError, ValueError, IndexError, AttributeError):
        words = _plain(kind)
    return words, _details(facts)


def _plain(kind: str) -> str:
    return kind.removeprefix("device.").replace("_", " ").replace("-", " ").capitalize()


def _details(facts: Mapping[str, Any]) -> str:
    failure = facts.get("failure")
    if isinstance(failure, Mapping):
        return ": ".join(str(failure[key]) for key in ("type", "message") if failure.get(key))
    for key in ("error", "reason", "detail", "message"):
        if isinstance(facts.get(key), str):
            return str(facts[key])
    if "version" in facts:
        return f"version {facts['version']}"
    return ""
