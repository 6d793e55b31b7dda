"""Bodies about the fleet: overview, lists, drafts, history, metrics, events."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from iotistic_tenant_api.schemas import Body, DeviceView, Revision, SpecBody, Time

__all__ = [
    "ChangeView",
    "Deploy",
    "DraftQuery",
    "DraftView",
    "DropQuery",
    "EventPage",
    "EventQuery",
    "EventView",
    "FleetPage",
    "FleetQuery",
    "HistoryPage",
    "HistoryQuery",
    "HistoryView",
    "MetricsQuery",
    "MetricsView",
    "OverviewView",
    "Restart",
    "Rollback",
    "ServiceHold",
]

QueryRevision = Annotated[int, Field(ge=0, lt=2**53)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=256, strip_whitespace=True)]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("not printable")
    return text


class FleetQuery(Body):
    """Which devices: by uuid past `after`, or searched, sorted and counted past `offset`.

    `q` is looked for in name, uuid, type and tags (as `key=value`). `version` sorts by the applied
    version of the target.
    """

    after: Annotated[str, StringConstraints(max_length=64)] = ""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    q: Annotated[str, StringConstraints(max_length=128)] = ""
    status: Literal["online", "offline", "never_seen", "outdated", "failing"] | None = None
    sort: (
        Literal[
            "name", "-name", "status", "-status", "lastSeen", "-lastSeen", "version", "-version"
        ]
        | None
    ) = None
    offset: Annotated[int, Field(ge=0, le=1_000_000)] | None = None


class FleetPage(Body):
    """Some devices; where the next ones begin (without sort and offset), or how many there are."""

    items: list[DeviceView]
    next: str | None
    total: int | None = None


class DeviceCounts(Body):
    """A device is online, offline or never seen; outdated and failing ones are among these."""

    total: int
    online: int
    offline: int
    never_seen: int
    outdated: int
    failing: int


class ServiceCounts(Body):
    """Services as they were last reported."""

    running: int
    stopped: int
    paused: int
    failing: int


class NeedyDevice(Body):
    """A device that somebody should look at."""

    uuid: str
    name: str
    reason: Literal["failing", "offline", "outdated", "never_seen"]
    detail: str | None
    since: Time | None


class VersionCount(Body):
    """How many devices run a version of the agent."""

    agent_version: str
    count: int


class OverviewView(Body):
    """The fleet at a glance; at most 20 devices need attention, the worst first."""

    devices: DeviceCounts
    services: ServiceCounts
    attention: list[NeedyDevice]
    versions: list[VersionCount]


class ChangeView(Body):
    """One difference; `path` is a JSON pointer with services by id, secrets are masked."""

    path: str
    op: Literal["add", "remove", "change"]
    before: Any
    after: Any


class DraftQuery(Body):
    """`draftRevision`: refuse when the draft on file is another one (0: when there is one)."""

    draft_revision: QueryRevision | None = None


class DropQuery(Body):
    """`draftRevision`: which draft is to go; another one on file is refused."""

    draft_revision: QueryRevision


class DraftView(Body):
    """A draft, and what it would change."""

    spec: SpecBody
    base_revision: int
    draft_revision: int
    stale: bool
    changed_by: str
    changed_at: Time
    diff: list[ChangeView]


class Deploy(Body):
    """Which revision the draft is based on; `draftRevision` refuses another draft."""

    base_revision: Revision
    draft_revision: Revision | None = None


class Rollback(Body):
    """The version to go back to, over the revision in force.

    A version may have had several specs that come to the same for the device, because of overrides;
    `specRevision` says which, as the history shows it, else it is the last.
    """

    version: Revision
    base_revision: Revision
    spec_revision: Revision | None = None


class HistoryQuery(Body):
    """The states before `before` (a version, or what `next` said), newest first."""

    before: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}(\.[0-9]{1,15})?$")] | None = (
        None
    )
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class HistoryView(Body):
    """What a target state became; `diff` is null when the state before is forgotten."""

    version: int
    spec_revision: int
    changed_at: Time
    changed_by: str
    diff: list[ChangeView] | None


class HistoryPage(Body):
    """Some of a target's past."""

    items: list[HistoryView]
    next: str | None


class Restart(Body):
    """Why a service is restarted or given back."""

    reason: Annotated[Reason, AfterValidator(_printable)] | None = None


class ServiceHold(Restart):
    """Why a service is held, and until when; for good without `expiresAt`."""

    expires_at: Time | None = None


class MetricsQuery(Body):
    """Which values (names with commas between) of which time: the last day by default."""

    from_: Annotated[Time | None, Field(alias="from")] = None
    to: Time | None = None
    names: Annotated[str, StringConstraints(max_length=1024)] | list[str] = ""


class MetricsView(Body):
    """Values by name, oldest first: at most 1,000 pairs of time and number each."""

    series: dict[str, list[tuple[Time, float]]]


class EventQuery(Body):
    """Events older than `before`, newest first."""

    before: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class EventView(Body):
    """One thing that happened."""

    id: int
    at: Time
    device_uuid: str | None
    device_name: str | None
    type: str
    severity: Literal["info", "warning", "error"]
    actor: str
    data: dict[str, Any]


class EventPage(Body):
    """Some events, and where older ones begin."""

    items: list[EventView]
    next: str | None
