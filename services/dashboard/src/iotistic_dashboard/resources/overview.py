"""The fleet at a glance."""

from falcon.asgi import Request, Response

from iotistic_dashboard.access import PERSON, caller_of
from iotistic_dashboard.views import Overview
from iotistic_dashboard.web.page import page
from iotistic_dashboard.web.pages import Pages

__all__ = ["OverviewPage"]


class OverviewPage:
    """``/``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Show the fleet", access=PERSON)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer how many are in which state, and what needs a person."""
        caller = caller_of(req)
        await caller.person()
        overview = Overview.model_validate(await caller.get("/api/v1/overview"))
        self._pages.show(req, resp, "overview", overview=overview)
