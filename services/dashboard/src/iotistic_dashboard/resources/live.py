"""Server-sent events for open pages."""

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


class LiveEvents:
    """``/live``: of the fleet, or of ``?device=``."""

    def __init__(self, live: Live) -> None:
        self._live = live

    @page("Follow changes", access=PERSON, response_type="text/event-stream")
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer a stream of ``changed``, ``resync``, ``away``, ``back`` and ``ended``."""
        device = req.get_param("device", default="")
        if device:
            _check(device)
        resp.sse = self._events(caller_of(req), device)

    async def _events(self, caller: Caller, device: str) -> AsyncIterator[SSEvent]:
        yield SSEvent(event="hello", text="", retry=2000)
        async for told in self._live.events(caller, device):
            yield SSEvent(event=told.event, text=told.uuid)


def _check(device: str) -> None:
    try:
        check_uuid(device)
    except ContractError:
        raise Problem(404, "not_found", "There is no such device.") from None
