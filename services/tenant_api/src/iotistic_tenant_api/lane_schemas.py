"""Bodies about what devices send by lane."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from iotistic_tenant_api.schemas import Body, Time

__all__ = ["LogPage", "LogQuery", "LogView"]

Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class LogQuery(Body):
    """Lines of a service or a component, of a level or a higher one, older than `before`."""

    service: Word | None = None
    component: Word | None = None
    level: Literal["debug", "info", "warning", "error"] | None = None
    since: Time | None = None
    before: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class LogView(Body):
    """One line; `extra` is what the device said beside it, such as its `output`."""

    id: int
    at: Time
    received_at: Time
    level: str
    service: str | None
    component: str | None
    message: str
    extra: dict[str, Any]


class LogPage(Body):
    """Some lines, and where older ones begin."""

    items: list[LogView]
    next: str | None
