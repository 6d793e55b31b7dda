"""Server-sent events for open pages."""

import contextlib
from collections.abc import AsyncIterator

from falcon.asgi import Request, Response, SSEvent

from iotistic_contract.errors import ContractError
from iotistic_contract.ids import check_uuid
from iotistic_dashboard.access import PERSON, caller_of
from iotistic_dashboard.live import Live
from iotistic_dashboard.sessions.desk import Caller
from iotistic_dashboard.web.page import page
from iotistic_kit.errors import Problem

__all__ = ["LiveEvents"]

MOST_PAGES = 20


class LiveEvents:
    """``/live``: of the fleet, or of ``?device=``."""

    def __init__(self, live: Live) -> None:
        self._live = live

    @page("Follow changes", access=PERSON, response_type="text/event-stream")
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer a stream of ``changed``, ``resync``, ``away``, ``back`` and ``ended``."""
        device, caller = req.get_param("device", default=""), caller_of(req)
        if device:
            _check(device)
        self.check(caller)
        resp.sse = self._events(caller, device)

    def check(self, caller: Caller) -> None:
        """Raise Problem 429 when the session has as many pages as it may have."""
        if self._live.pages(caller) >= MOST_PAGES:
            raise Problem(429, "too_many_streams", "This session has too many pages open.")

    async def _events(self, caller: Caller, device: str) -> AsyncIterator[SSEvent]:
        yield SSEvent(event="hello", text="", retry=2000)
        async with contextlib.aclosing(self._live.events(caller, device)) as events:
            async for told in events:
                yield SSEvent(event=told.event, text=told.uuid) if told else SSEvent()


def _check(device: str) -> None:
    try:
        check_uuid(device)
    except ContractError:
        raise Problem(404, "not_found", "There is no such device.") from None
