"""The choice between light and dark."""

from falcon.asgi import Request, Response

from iotistic_dashboard.web.cookies import THEMES
from iotistic_dashboard.web.forms import form_of
from iotistic_dashboard.web.page import page
from iotistic_dashboard.web.pages import redirect
from iotistic_dashboard.web.paths import local_path
from iotistic_kit.auth import PUBLIC

__all__ = ["Theme"]

_YEAR = 365 * 86_400


class Theme:
    """``/theme``: kept in a cookie that says nothing else."""

    @page("Choose light, dark, or what the system says", access=PUBLIC)
    async def on_post(self, req: Request, resp: Response) -> None:
        """Go back to where the choice was made."""
        form = form_of(req)
        chosen = form.text("theme")
        if chosen in THEMES:
            resp.set_cookie(
                "theme", chosen, max_age=_YEAR, secure=True, http_only=True, same_site="Lax",
                path="/",
            )  # fmt: skip
        redirect(resp, local_path(form.text("back", most=2000)))
