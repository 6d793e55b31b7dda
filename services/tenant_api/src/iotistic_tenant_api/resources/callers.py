"""Who calls, by the name that people know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_kit.app import principal_of
from iotistic_tenant_api.usecases.keep_devices import Caller

if TYPE_CHECKING:
    from falcon.asgi import Request

__all__ = ["caller_of", "name_of"]


def caller_of(req: Request) -> Caller:
    """Return who calls: a person's e-mail address is the name, else what the token names."""
    principal = principal_of(req)
    name = principal.fact("email") or principal.fact("name") or principal.id
    return Caller(id=principal.id, name=name)


def name_of(req: Request) -> str:
    """Return the caller's name."""
    return caller_of(req).name
