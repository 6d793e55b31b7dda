"""What the API answers, as far as pages show it; more than is known here is let through."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = ["Attention", "Change", "Device", "DevicePage", "Overview", "Target"]


class View(BaseModel):
    """camelCase on the wire; what isn't known here is left out."""

    model_config = ConfigDict(
        extra="ignore", alias_generator=to_camel, populate_by_name=True, frozen=True
    )


class DeviceCounts(View):
    """How many devices are in each state."""

    total: int = 0
    online: int = 0
    offline: int = 0
    never_seen: int = 0
    outdated: int = 0
    failing: int = 0


class ServiceCounts(View):
    """How many services are in each state."""

    running: int = 0
    stopped: int = 0
    paused: int = 0
    failing: int = 0


class Attention(View):
    """A device that needs a person."""

    uuid: str
    name: str
    reason: str
    detail: str | None = None
    since: datetime | None = None


class VersionCount(View):
    """How many devices run one version of the agent."""

    agent_version: str | None = None
    count: int = 0


class Overview(View):
    """The fleet in one answer."""

    devices: DeviceCounts = DeviceCounts()
    services: ServiceCounts = ServiceCounts()
    attention: list[Attention] = Field(default_factory=list)
    versions: list[VersionCount] = Field(default_factory=list)


class Device(View):
    """A device, in a list or alone."""

    uuid: str
    name: str
    device_type: str | None = None
    fleet: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    registered: bool = False
    registered_at: datetime | None = None
    reregister_until: datetime | None = None
    online: bool = False
    last_seen_at: datetime | None = None
    mac_address: str | None = None
    os_version: str | None = None
    agent_version: str | None = None
    created_at: datetime | None = None
    status: str | None = None
    target_version: int | None = None
    applied_version: int | None = None
    report_status: str | None = None
    services_running: int | None = None
    services_total: int | None = None
    failure: str | dict[str, Any] | None = None

    @property
    def shown_status(self) -> str:
        """The API's status, or what online and last seen say."""
        if self.status:
            return self.status
        if self.online:
            return "online"
        return "offline" if self.last_seen_at else "never_seen"

    @property
    def failure_text(self) -> str:
        """Why it fails, in one line; '' when it doesn't."""
        if isinstance(self.failure, dict):
            kind, message = self.failure.get("type", ""), self.failure.get("message", "")
            return f"{kind}: {message}" if kind else str(message)
        return self.failure or ""


class DevicePage(View):
    """Some devices, and how many there are."""

    items: list[Device]
    next: str | None = None
    total: int | None = None


class Target(View):
    """What a device is to run."""

    uuid: str
    spec: dict[str, Any] | None = None
    spec_revision: int = 0
    overrides: dict[str, Any] = Field(default_factory=dict)
    version: int = 0
    etag: str = ""


class Change(View):
    """One difference between two documents."""

    path: str
    op: str
    before: Any = None
    after: Any = None
