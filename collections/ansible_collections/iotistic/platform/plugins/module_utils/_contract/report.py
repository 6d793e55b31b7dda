# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Reports: what a device says about itself; every top-level member is a section."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .codec import check_fields
from .errors import ContractError
from .ids import Count, Uuid

__all__ = [
    "AppReport",
    "Failure",
    "FailureType",
    "Report",
    "ReportStatus",
    "ServiceError",
    "ServiceReport",
    "ServiceReportState",
]


class ReportStatus(StrEnum):
    """How far the device is with its target."""

    APPLIED = "applied"
    APPLYING = "applying"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    HELD = "held"


class ServiceReportState(StrEnum):
    """What a service's container is, or why there is none."""

    PENDING = "pending"
    PULLING = "pulling"
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    EXITED = "exited"
    DEAD = "dead"
    REFUSED = "refused"


class FailureType(StrEnum):
    """Which part of applying a target went wrong."""

    PULL = "pull"
    CREATE = "create"
    START = "start"
    HEALTH = "health"
    POLICY = "policy"
    INVALID = "invalid"
    UNSUPPORTED = "unsupported"
    ENGINE = "engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why the whole target could not be applied."""

    type: FailureType | str
    message: str
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceError:
    """Why one service isn't as wanted, and when the next try is."""

    type: FailureType | str
    message: str
    retry_count: Count = 0
    next_retry: datetime | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReport:
    """One service as the engine has it; words that this version doesn't know stay text."""

    state: ServiceReportState | str
    container_id: str | None = None
    image_digest: str | None = None
    health: str | None = None
    error: ServiceError | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppReport:
    """The services of one app, by service id."""

    services: Mapping[str, ServiceReport] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report; sections left out are None and keep what an earlier one said.

    Servers decode it with ``unknown="keep"``. (``epoch``, ``sequence``) is compared as a pair
    within a stream.
    """

    schema: int
    stream: str
    epoch: Count
    sequence: Count
    at: datetime
    uuid: Uuid | None = None
    poll_interval_ms: Count | None = None
    status: ReportStatus | str | None = None
    target_version: Count | None = None
    applied_version: Count | None = None
    failed_version: Count | None = None
    failure: Failure | None = None
    apps: Mapping[str, AppReport] | None = None
    system: Mapping[str, object] | None = None
    metrics: Mapping[str, object] | None = None
    anomalies: object = None
    agent_version: str | None = None
    os_version: str | None = None
    os_patch_level: str | None = None
    reboot_required: bool | None = None
    local_ip: str | None = None
    vpn_ip: str | None = None
    policy_hash: str | None = None
    credentials_etag: str | None = field(default=None, metadata={"wire": "credentialsETag"})
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        if not 1 <= len(self.stream) <= 64 or not self.stream.isprintable():
            raise ContractError("/stream", "not 1 to 64 printable characters")
        if self.schema < 1:
            raise ContractError("/schema", "not above zero")
        if self.sequence < 1:
            raise ContractError("/sequence", "starts at 1")
