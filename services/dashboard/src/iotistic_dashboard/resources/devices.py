"""The list of devices."""

from falcon.asgi import Request, Response

from iotistic_dashboard.access import PERSON, caller_of
from iotistic_dashboard.domain.wishes import DeviceWish
from iotistic_dashboard.views import DevicePage
from iotistic_dashboard.web.page import page
from iotistic_dashboard.web.pages import Pages

__all__ = ["DeviceList"]


class DeviceList:
    """``/devices``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("List devices", access=PERSON)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer the part of the list that is asked for."""
        caller = caller_of(req)
        await caller.person()
        wish = DeviceWish.of(req.params)
        found = await caller.get(
            "/api/v1/devices",
            q=wish.q, status=wish.status, sort=wish.sort, offset=wish.offset, limit=wish.limit,
        )  # fmt: skip
        self._pages.show(req, resp, "devices", wish=wish, page=DevicePage.model_validate(found))
