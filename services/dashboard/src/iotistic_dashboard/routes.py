"""Which page is where."""

from dataclasses import dataclass
from typing import Any

from iotistic_dashboard.access import Browsers
from iotistic_dashboard.api import TenantApi
from iotistic_dashboard.live import Live
from iotistic_dashboard.resources.device import (
    DeviceEvents,
    DeviceState,
    ServiceActs,
    Services,
)
from iotistic_dashboard.resources.devices import DeviceList
from iotistic_dashboard.resources.live import LiveEvents
from iotistic_dashboard.resources.overview import OverviewPage
from iotistic_dashboard.resources.sign_in import SecondFactor, SignIn, SignOut, Welcome
from iotistic_dashboard.resources.theme import Theme
from iotistic_dashboard.sessions.desk import SessionDesk
from iotistic_dashboard.web.cookies import SessionCookie
from iotistic_dashboard.web.pages import Pages
from iotistic_kit.clock import Clock

__all__ = ["Parts", "resources"]

DEVICE = "/devices/{uuid:uuid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What pages are made with."""

    pages: Pages
    api: TenantApi
    desk: SessionDesk
    cookie: SessionCookie
    browsers: Browsers
    clock: Clock
    live: Live


def resources(parts: Parts) -> dict[str, Any]:
    """Return each page by its path."""
    return _doors(parts) | {
        "/": OverviewPage(parts.pages),
        "/devices": DeviceList(parts.pages),
        **_device(parts),
    }


def _device(parts: Parts) -> dict[str, Any]:
    pages = parts.pages
    return {
        DEVICE: DeviceState(pages),
        f"{DEVICE}/services": Services(pages),
        f"{DEVICE}/services/{{app_id}}/{{service_id}}": ServiceActs(pages),
        f"{DEVICE}/events": DeviceEvents(pages),
    }


def _doors(parts: Parts) -> dict[str, Any]:
    pages, desk, cookie = parts.pages, parts.desk, parts.cookie
    welcome = Welcome(cookie, desk)
    signing = (pages, parts.api, desk, cookie, parts.browsers, welcome)
    return {
        "/sign-in": SignIn(*signing),
        "/sign-in/second-factor": SecondFactor(*signing),
        "/sign-out": SignOut(desk, cookie),
        "/theme": Theme(),
        "/live": LiveEvents(parts.live),
    }
