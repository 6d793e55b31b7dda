"""Which page is where."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from iotistic_dashboard.access import Browsers
from iotistic_dashboard.api import TenantApi
from iotistic_dashboard.live import Live
from iotistic_dashboard.resources.account import Account, OwnSessions, TwoFactor
from iotistic_dashboard.resources.deploy import Deploy, Drafts, Rollback
from iotistic_dashboard.resources.device import DeviceEvents, DeviceState, ServiceActs, Services
from iotistic_dashboard.resources.device_logs import DeviceLogs
from iotistic_dashboard.resources.device_settings import (
    Credentials,
    DeviceRemoval,
    DeviceSettings,
    PollNow,
)
from iotistic_dashboard.resources.devices import DeviceList
from iotistic_dashboard.resources.invitation import Invitation
from iotistic_dashboard.resources.live import LiveEvents
from iotistic_dashboard.resources.metrics import Metrics, MetricSeries
from iotistic_dashboard.resources.organisation import AuditLog, License, SystemHealth
from iotistic_dashboard.resources.overview import OverviewPage
from iotistic_dashboard.resources.provisioning_keys import KeyRevocation, ProvisioningKeys
from iotistic_dashboard.resources.sign_in import Doors, SecondFactor, SignIn, SignOut
from iotistic_dashboard.resources.theme import Theme
from iotistic_dashboard.resources.users import Invitations, UserActs, Users
from iotistic_dashboard.sessions.desk import SessionDesk
from iotistic_dashboard.tenant import TenantHealth
from iotistic_dashboard.web.cookies import SessionCookie
from iotistic_dashboard.web.pages import Pages

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
    live: Live
    health: Callable[[], Awaitable[TenantHealth]]


def resources(parts: Parts) -> dict[str, Any]:
    """Return each page by its path; what follows ``#`` is the suffix of its responders."""
    return {
        "/": OverviewPage(parts.pages),
        "/devices": DeviceList(parts.pages),
        "/theme": Theme(),
        "/live": LiveEvents(parts.live),
        **_doors(parts),
        **_device(parts),
        **_organisation(parts),
        **_account(parts),
    }


def _device(parts: Parts) -> dict[str, Any]:
    pages = parts.pages
    credentials = Credentials(pages)
    deploy = Deploy(pages)
    return {
        DEVICE: DeviceState(pages),
        f"{DEVICE}/services": Services(pages),
        f"{DEVICE}/services/{{app_id}}/{{service_id}}": ServiceActs(pages),
        f"{DEVICE}/deploy": Drafts(pages),
        f"{DEVICE}/deploy/now": deploy,
        f"{DEVICE}/deploy/discard#discard": deploy,
        f"{DEVICE}/rollback": Rollback(pages),
        f"{DEVICE}/metrics": Metrics(pages),
        f"{DEVICE}/metrics/series": MetricSeries(),
        f"{DEVICE}/events": DeviceEvents(pages),
        f"{DEVICE}/logs": DeviceLogs(pages),
        f"{DEVICE}/settings": DeviceSettings(pages),
        f"{DEVICE}/poll-now": PollNow(),
        f"{DEVICE}/credentials": credentials,
        f"{DEVICE}/readmit#readmit": credentials,
        f"{DEVICE}/remove": DeviceRemoval(pages),
    }


def _organisation(parts: Parts) -> dict[str, Any]:
    pages = parts.pages
    users = UserActs(pages)
    return {
        "/provisioning-keys": ProvisioningKeys(pages),
        "/provisioning-keys/{key_id}/revoke": KeyRevocation(pages),
        "/users": Users(pages),
        "/users/{user_id:uuid}": users,
        "/users/{user_id:uuid}/disable#disable": users,
        "/users/{user_id:uuid}/remove#remove": users,
        "/users/invitations/{invitation_id:uuid}/revoke": Invitations(),
        "/license": License(pages),
        "/audit": AuditLog(pages),
        "/health": SystemHealth(pages, parts.health),
    }


def _account(parts: Parts) -> dict[str, Any]:
    account, factor = Account(parts.pages), TwoFactor(parts.pages)
    return {
        "/account": account,
        "/account/password#password": account,
        "/account/second-factor": factor,
        "/account/second-factor/confirm#confirm": factor,
        "/account/second-factor/remove#remove": factor,
        "/account/sessions/{session_id:uuid}/end": OwnSessions(),
    }


def _doors(parts: Parts) -> dict[str, Any]:
    doors = Doors(
        pages=parts.pages,
        api=parts.api,
        desk=parts.desk,
        cookie=parts.cookie,
        browsers=parts.browsers,
    )
    return {
        "/sign-in": SignIn(doors),
        "/sign-in/second-factor": SecondFactor(doors),
        "/sign-out": SignOut(parts.desk, parts.cookie),
        "/invitation": Invitation(doors),
    }
