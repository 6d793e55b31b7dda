"""What is wrong with a device, and what to do about it, out of what was found; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

__all__ = [
    "Finding",
    "Reached",
    "Verdict",
    "broker",
    "cloud",
    "database",
    "disk",
    "engine",
    "undervoltage",
]

_TOLERABLE_S, _BAD_S = 30, 300
_LOW_BYTES, _FULL_BYTES, _LOW_SHARE = 200 * 2**20, 50 * 2**20, 0.05
_MB = 2**20
_NOT_REGISTERED = "the device isn't registered"


class Verdict(StrEnum):
    """How one thing is; ``skipped`` is what can't be looked at here."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``advice`` says what to do when it isn't well."""

    name: str
    verdict: Verdict
    detail: str
    advice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How far a request to the cloud came; each fault keeps what comes after it from being known.

    ``skew`` is the cloud's clock minus ours, in seconds.
    """

    host: str
    port: int
    addresses: tuple[str, ...] = ()
    dns_fault: str | None = None
    connect_fault: str | None = None
    tls_fault: str | None = None
    tls: str | None = None
    valid_until: datetime | None = None
    status: int | None = None
    api_fault: str | None = None
    skew: float | None = None


def cloud(reached: Reached | None, link: str) -> list[Finding]:
    """Return DNS, time, TLS and API; ``reached`` is None for a device without an address."""
    if reached is None:
        names = ("dns", "time", "tls", "api")
        return [Finding(name, Verdict.SKIPPED, _NOT_REGISTERED) for name in names]
    return [_dns(reached), _time(reached), _tls(reached), _api(reached, link)]


def _dns(reached: Reached) -> Finding:
    if reached.dns_fault is not None:
        advice = "look at the network and at the name server in /etc/resolv.conf"
        return Finding("dns", Verdict.FAILED, f"{reached.host}: {reached.dns_fault}", advice)
    return Finding("dns", Verdict.OK, f"{reached.host} is {', '.join(reached.addresses)}")


def _time(reached: Reached) -> Finding:
    if reached.skew is None:
        return Finding("time", Verdict.SKIPPED, "the cloud told no time")
    off = abs(reached.skew)
    detail = f"the clock is {off:.0f} s {'slow' if reached.skew > 0 else 'fast'}"
    if off <= _TOLERABLE_S:
        return Finding("time", Verdict.OK, detail)
    verdict = Verdict.WARNING if off <= _BAD_S else Verdict.FAILED
    return Finding("time", verdict, detail, "set the clock: timedatectl set-ntp true")


def _tls(reached: Reached) -> Finding:
    if reached.tls_fault is not None:
        advice = (
            "look at the clock; else somebody on the way answers in the cloud's place,"
            " or it has another certificate than the device was registered with"
        )
        return Finding("tls", Verdict.FAILED, reached.tls_fault, advice)
    if reached.tls is None:
        return Finding("tls", Verdict.SKIPPED, "there is no verified connection")
    until = f", certificate until {reached.valid_until:%Y-%m-%d}" if reached.valid_until else ""
    return Finding("tls", Verdict.OK, f"{reached.tls}{until}")


def _api(reached: Reached, link: str) -> Finding:
    where = f"{reached.host}:{reached.port}"
    if reached.dns_fault is not None:
        return Finding("api", Verdict.SKIPPED, "no address to connect to")
    if reached.connect_fault is not None:
        advice = f"is {where} (TCP) let through by the firewall?"
        return Finding("api", Verdict.FAILED, f"{where}: {reached.connect_fault}", advice)
    if reached.api_fault is not None or (reached.status or 0) >= 500:
        detail = reached.api_fault or f"{where} answers {reached.status}"
        return Finding("api", Verdict.FAILED, detail, "the cloud has a problem: try again later")
    if reached.status is None:
        return Finding("api", Verdict.SKIPPED, f"{where} can be connected to; not asked")
    if link not in ("online", ""):
        advice = "look at `iotctl logs`: this request was answered, the agent's weren't"
        return Finding("api", Verdict.WARNING, f"{where} answers; the agent is {link}", advice)
    return Finding("api", Verdict.OK, f"{where} answers {reached.status}")


def database(fault: str | None) -> Finding:
    """Return how the agent's own state is."""
    if fault is None:
        return Finding("database", Verdict.OK, "whole")
    advice = "restart the agent: it sets a damaged one aside; then look at the disk"
    return Finding("database", Verdict.FAILED, fault, advice)


def broker(where: str | None, *, subscribed: bool, fault: str | None) -> Finding:
    """Return how it is with MQTT; ``where`` is None for a device that isn't registered."""
    if where is None:
        return Finding("mqtt", Verdict.SKIPPED, _NOT_REGISTERED)
    if subscribed:
        return Finding("mqtt", Verdict.OK, f"subscribed at {where}")
    if fault is not None:
        advice = f"is {where} (TCP) let through by the firewall?"
        return Finding("mqtt", Verdict.FAILED, f"{where}: {fault}", advice)
    advice = "look at `iotctl logs` for mqtt; the device polls meanwhile"
    return Finding("mqtt", Verdict.WARNING, f"{where} can be reached, not subscribed", advice)


def disk(free: int, total: int) -> Finding:
    """Return whether there is room, in bytes."""
    detail = f"{free // _MB} of {total // _MB} MB free"
    advice = "make room: `docker system df` shows what images take"
    if free < _FULL_BYTES:
        return Finding("disk", Verdict.FAILED, detail, advice)
    if free < _LOW_BYTES or free < total * _LOW_SHARE:
        return Finding("disk", Verdict.WARNING, detail, advice)
    return Finding("disk", Verdict.OK, detail)


def undervoltage(metrics: Mapping[str, object]) -> Finding:
    """Return whether the supply is too weak, where the machine can tell."""
    told = metrics.get("is_undervolted")
    if told is None:
        return Finding("undervoltage", Verdict.SKIPPED, "this machine can't tell")
    if told:
        advice = "use a stronger power supply or a shorter cable"
        return Finding("undervoltage", Verdict.FAILED, "the supply is too weak", advice)
    return Finding("undervoltage", Verdict.OK, "none")


def engine(version: str | None, fault: str | None) -> Finding:
    """Return whether the container engine answers."""
    if fault is None:
        return Finding("engine", Verdict.OK, f"version {version}")
    return Finding("engine", Verdict.FAILED, fault, "systemctl status docker")
