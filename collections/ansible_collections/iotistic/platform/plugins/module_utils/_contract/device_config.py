# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""``config`` of a device: how the agent itself is to behave."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from .codec import check_fields
from .errors import ContractError
from .update_window import UpdateWindow

__all__ = ["AgentLogging", "DeviceConfig", "LinkProfile", "LogLevel", "Settings"]


class LinkProfile(StrEnum):
    """What a device's link costs."""

    LAN = "lan"
    LTE = "lte"
    METERED = "metered"


class LogLevel(StrEnum):
    """The least level that the agent logs."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _check_interval(milliseconds: int) -> None:
    if not 1000 <= milliseconds <= 86_400_000:
        raise ContractError("", "not between 1000 and 86400000 milliseconds")


def _check_window(milliseconds: int) -> None:
    if not 0 <= milliseconds <= 86_400_000:
        raise ContractError("", "not between 0 and 86400000 milliseconds")


Interval = Annotated[int, _check_interval]
Window = Annotated[int, _check_window]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLogging:
    """The agent's own log."""

    level: LogLevel | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Intervals in milliseconds; the agent has its own for those left out.

    A release is committed after ``health_window_ms`` of health, 0 being at once, and given up
    when that isn't reached within ``health_timeout_ms``.
    """

    poll_interval_ms: Interval | None = None
    report_interval_ms: Interval | None = None
    metrics_interval_ms: Interval | None = None
    reconcile_interval_ms: Interval | None = None
    health_window_ms: Window | None = None
    health_timeout_ms: Interval | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfig:
    """The device-wide part of a target state; ``agent_version`` is for showing only."""

    logging: AgentLogging | None = None
    settings: Settings | None = None
    features: Mapping[str, object] = field(default_factory=dict)
    sensors: tuple[Mapping[str, object], ...] = ()
    anomaly: Mapping[str, object] | None = None
    update_window: UpdateWindow | None = None
    link_profile: LinkProfile | None = None
    agent_version: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
