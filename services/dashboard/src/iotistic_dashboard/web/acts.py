"""What a person does: it works and says so, or the page says why not."""

from collections.abc import Awaitable
from typing import Any

from falcon.asgi import Response

from iotistic_dashboard.api import ApiRefused
from iotistic_dashboard.sessions.desk import Caller
from iotistic_dashboard.web.faults import said
from iotistic_dashboard.web.pages import redirect

__all__ = ["attempt"]


async def attempt(
    caller: Caller, resp: Response, call: Awaitable[Any], *, back: str, done: str
) -> Any:
    """Await ``call``, go to ``back``, which says ``done`` or why it was refused; its answer."""
    redirect(resp, back)
    try:
        answer = await call
    except ApiRefused as refused:
        caller.tell("bad", said(refused))
        return None
    caller.tell("ok", done)
    return answer
