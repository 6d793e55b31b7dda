"""How states are shown: a tone, an icon and a word, never colour alone."""

from dataclasses import dataclass

__all__ = ["Mark", "of_attention", "of_device", "of_key", "of_service", "of_severity"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One state: ``tone`` is ok, warn, bad, info or calm; ``icon`` a name in the icon sheet."""

    tone: str
    icon: str
    word: str


_UNKNOWN = Mark("calm", "unknown", "Unknown")
_DEVICE = {
    "online": Mark("ok", "check", "Online"),
    "offline": Mark("bad", "offline", "Offline"),
    "never_seen": Mark("calm", "clock", "Never seen"),
    "outdated": Mark("warn", "behind", "Outdated"),
    "failing": Mark("bad", "alert", "Failing"),
}
_SERVICE = {
    "running": Mark("ok", "play", "Running"),
    "exited": Mark("calm", "stop", "Stopped"),
    "stopped": Mark("calm", "stop", "Stopped"),
    "paused": Mark("warn", "pause", "Paused"),
    "created": Mark("info", "clock", "Created"),
    "starting": Mark("info", "clock", "Starting"),
    "pulling": Mark("info", "clock", "Pulling the image"),
    "stopping": Mark("info", "clock", "Stopping"),
    "restarting": Mark("warn", "restart", "Restarting"),
    "refused": Mark("bad", "alert", "Refused"),
    "failed": Mark("bad", "alert", "Failed"),
    "error": Mark("bad", "alert", "Failed"),
    "dead": Mark("bad", "alert", "Dead"),
    "missing": Mark("calm", "clock", "Not there yet"),
    "unknown": Mark("calm", "unknown", "Not reported"),
}
_SEVERITY = {
    "debug": Mark("calm", "info", "Debug"),
    "info": Mark("info", "info", "Info"),
    "warning": Mark("warn", "alert", "Warning"),
    "error": Mark("bad", "alert", "Error"),
}
_KEY = {
    "open": Mark("ok", "check", "Open"),
    "used": Mark("calm", "stop", "Used up"),
    "expired": Mark("calm", "clock", "Expired"),
    "revoked": Mark("bad", "offline", "Revoked"),
}


def of_device(status: str) -> Mark:
    """Return how a device's status is shown."""
    return _DEVICE.get(status, _UNKNOWN)


of_attention = of_device


def of_service(state: str) -> Mark:
    """Return how a service's state is shown; an unknown one by its own word."""
    return _SERVICE.get(state, Mark("calm", "unknown", state.capitalize() or "Unknown"))


def of_severity(severity: str) -> Mark:
    """Return how an event's severity, or a log line's level, is shown."""
    return _SEVERITY.get(severity, _SEVERITY["info"])


def of_key(state: str) -> Mark:
    """Return how a provisioning key's state is shown."""
    return _KEY.get(state, _UNKNOWN)
