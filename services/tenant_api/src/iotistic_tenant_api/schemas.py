"""Bodies of this API: pydantic, strict about what people send."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictInt,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from iotistic_contract.codec import format_time, parse_time
from iotistic_contract.ids import check_uuid

__all__ = [
    "BulkTargets",
    "BulkTargetsView",
    "BulkView",
    "CurrentStateView",
    "DeviceChanges",
    "DeviceView",
    "InstallCommandView",
    "LicenseView",
    "NewDevice",
    "NewProvisioningKey",
    "Page",
    "ProvisioningKeyCreated",
    "ProvisioningKeyPage",
    "ProvisioningKeyView",
    "SpecBody",
    "TargetQuery",
    "TargetView",
    "TokenBody",
    "VerifiedView",
]


class Body(BaseModel):
    """camelCase on the wire; an unknown key is refused."""

    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, populate_by_name=True, frozen=True
    )

    def wire(self) -> dict[str, Any]:
        """Return the JSON object."""
        return self.model_dump(mode="json", by_alias=True)


def _read_time(text: object) -> datetime:
    if isinstance(text, datetime):
        return text
    if not isinstance(text, str):
        raise ValueError("a time is text such as 2026-01-15T10:30:00.000Z")  # noqa: TRY004
    return parse_time(text)


Time = Annotated[
    datetime,
    BeforeValidator(_read_time),
    PlainSerializer(format_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Uuid = Annotated[str, AfterValidator(check_uuid)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f]+$")]
Fleet = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Tags = dict[
    Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]{1,64}$")],
    Annotated[str, StringConstraints(max_length=256, pattern=r"^[^\x00]*$")],
]
Revision = Annotated[StrictInt, Field(ge=0, lt=2**53)]


class Page(Body):
    """Which part of a list: what follows the name `after`, at most `limit` items."""

    after: Annotated[str, StringConstraints(max_length=64)] = ""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class NewProvisioningKey(Body):
    """A provisioning key to be made."""

    name: Title | None = None
    max_devices: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = 1
    expires_at: Time | None = None
    fleet: Fleet | None = None
    device_uuid: Uuid | None = None


class ProvisioningKeyView(Body):
    """A provisioning key without its secret."""

    id: str
    name: str | None
    max_devices: int
    used: int
    fleet: str | None
    device_uuid: str | None
    expires_at: Time | None
    revoked_at: Time | None
    created_at: Time
    created_by: str


class ProvisioningKeyCreated(ProvisioningKeyView):
    """A new key: `key` is the whole string for a device, shown this once."""

    key: str


class ProvisioningKeyPage(Body):
    """Some provisioning keys, and where the next ones begin."""

    items: list[ProvisioningKeyView]
    next: str | None


class NewDevice(Body):
    """A device that is to register."""

    uuid: Uuid
    name: Title
    device_type: Title | None = None
    fleet: Fleet | None = None
    tags: Tags = Field(default_factory=dict)


class DeviceChanges(Body):
    """What people may change: absent is left alone, null clears what may be empty."""

    name: Title | None = None
    device_type: Title | None = None
    fleet: Fleet | None = None
    tags: Tags | None = None
    reregister_until: Time | None = None


class DeviceView(Body):
    """A device as people see it."""

    uuid: str
    name: str
    device_type: str | None
    fleet: str | None
    tags: dict[str, str]
    registered: bool
    registered_at: Time | None
    reregister_until: Time | None
    online: bool
    last_seen_at: Time | None
    mac_address: str | None
    os_version: str | None
    agent_version: str | None
    created_at: Time
    keys_revoked_at: Time | None
    status: Literal["failing", "offline", "outdated", "never_seen", "online"]
    """The worst that holds."""
    target_version: int
    applied_version: int | None
    report_status: str | None
    services_running: int
    services_total: int
    failure: dict[str, Any] | None


class SpecBody(Body):
    """A whole `spec`: the contract's decoder reads what is inside."""

    apps: dict[str, Any]
    config: dict[str, Any] = Field(default_factory=dict)


class TargetView(Body):
    """A device's target state: what was written, what people overrode, what it gets."""

    uuid: str
    spec: SpecBody | None
    spec_revision: int
    overrides: dict[str, Any]
    version: int
    etag: str
    secret_hmacs: dict[str, dict[str, str]] | None = None


class TargetQuery(Body):
    """The devices whose target states are asked for."""

    uuids: Annotated[list[Uuid], Field(max_length=100_000)]
    secrets: dict[Uuid, dict[str, dict[str, str]]] = Field(default_factory=dict)
    """Values by uuid, service id and name, to be answered as what the API compares by."""


class BulkView(Body):
    """Target states in the order they were asked for."""

    items: list[TargetView]


class BulkTarget(Body):
    """One device's new `spec`, written if `specRevision` is still its own."""

    uuid: Uuid
    spec_revision: Revision
    spec: dict[str, Any]


class BulkTargets(Body):
    """New specs of many devices: all are written or none."""

    targets: Annotated[list[BulkTarget], Field(max_length=100_000)]


class WrittenTarget(Body):
    """What a device's target state is after a write."""

    uuid: str
    version: int
    spec_revision: int
    etag: str


class BulkTargetsView(Body):
    """What was written, in the order it was sent."""

    items: list[WrittenTarget]


class CurrentStateView(Body):
    """A device's last report; null when it never reported."""

    report: dict[str, Any] | None
    received_at: Time | None
    online: bool


class TokenBody(Body):
    """A license token; the installed one is meant when it is absent."""

    token: Annotated[str, StringConstraints(max_length=16 * 1024)] | None = None


class InstallCommandView(Body):
    """How to install the agent; `fingerprint` is the SHA-256 (hex) of the release key in DER."""

    command: str
    release_key_pem: str
    fingerprint: str
    version: str
    released: Time
    architectures: list[str]


class LicenseView(Body):
    """The license in force, and how much of it is used."""

    state: str
    until: Time | None
    clock_suspect: bool
    license: dict[str, Any] | None
    usage: dict[str, int]


class VerifiedView(Body):
    """Whether a token is a license of this tenant; `reason` is one word."""

    valid: bool
    reason: Literal["missing"] | str | None = None
    license: dict[str, Any] | None = None
