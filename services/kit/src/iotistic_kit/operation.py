"""``@operation``: what a responder does, takes, answers and whom it lets in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from .auth import Access
from .errors import DomainError

__all__ = ["Operation", "operation", "operation_of"]

Responder = TypeVar("Responder", bound=Callable[..., Any])
_ATTRIBUTE = "__iotistic_operation__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One documented responder."""

    summary: str
    access: Access
    request: Any = None
    query: type[BaseModel] | None = None
    response: Any = None
    status: int = 200
    problems: tuple[type[DomainError] | int, ...] = ()
    request_type: str = "application/json"
    response_type: str = "application/json"
    max_body: int | None = None
    body_seconds: float | None = None
    name: str = ""
    tag: str = ""


def operation(
    summary: str,
    *,
    access: Access,
    **facts: Any,
) -> Callable[[Responder], Responder]:
    """Document a responder, and say whom it lets in.

    ``request``, ``query`` and ``response`` are pydantic models or dataclasses of the contract,
    ``status`` is that of success, ``problems`` are DomainErrors or statuses that it may answer,
    ``max_body`` is the most bytes of a plain body (16 MiB unless told),
    ``body_seconds`` the longest that the whole of it may take to come (60 s unless told).
    """
    told = Operation(summary=summary, access=access, **facts)

    def mark(responder: Responder) -> Responder:
        setattr(responder, _ATTRIBUTE, told)
        return responder

    return mark


def operation_of(responder: object) -> Operation | None:
    """Return what ``@operation`` said about ``responder``, None when it said nothing."""
    return getattr(responder, _ATTRIBUTE, None)
