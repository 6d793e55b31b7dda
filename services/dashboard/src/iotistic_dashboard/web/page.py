"""``@page``: an operation that answers HTML."""

from collections.abc import Callable
from typing import Any

from iotistic_kit.auth import Access
from iotistic_kit.operation import operation

__all__ = ["page"]


def page(summary: str, *, access: Access, **facts: Any) -> Callable[[Any], Any]:
    """Document a responder that answers a page, or leads to one."""
    told: dict[str, Any] = {"response": {"type": "string"}, "response_type": "text/html"}
    return operation(summary, access=access, **(told | facts))
