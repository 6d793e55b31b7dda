"""The composition root."""

import functools
import logging
import ssl
import time

import httpx

from iotistic_contract.ids import short_id
from iotistic_dashboard.access import Browsers, SessionAuthenticator
from iotistic_dashboard.api import TenantApi
from iotistic_dashboard.app import Site, create_app
from iotistic_dashboard.live import Live
from iotistic_dashboard.routes import Parts, resources
from iotistic_dashboard.sessions.desk import SessionDesk
from iotistic_dashboard.sessions.store import SqliteSessions
from iotistic_dashboard.sessions.vault import Vault, key_file
from iotistic_dashboard.settings import Settings
from iotistic_dashboard.tenant import RecentHealth, health_of
from iotistic_dashboard.web.assets import Assets
from iotistic_dashboard.web.cookies import SessionCookie
from iotistic_dashboard.web.forms import FormGuard
from iotistic_dashboard.web.pages import Pages
from iotistic_kit import logs
from iotistic_kit.app import ServiceApp
from iotistic_kit.clock import SystemClock
from iotistic_kit.lifespan import Lifespan
from iotistic_kit.settings import read_settings

__all__ = ["build", "make_app"]

PROXY_SECRET = "X-Iotistic-Proxy-Secret"  # noqa: S105 -- a header's name


class _Client:
    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def open(self) -> None:
        """Do nothing: connections are made when they are needed."""

    async def close(self) -> None:
        await self._client.aclose()


def make_app() -> ServiceApp:
    """Return the application as the environment describes it."""
    settings = read_settings(Settings)
    logs.configure("dashboard", settings.log_level)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole addresses
    return build(settings, _client(settings))


def build(settings: Settings, client: httpx.AsyncClient) -> ServiceApp:
    """Return the application that asks the tenant API by ``client``."""
    clock = SystemClock()
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    vault = Vault(key_file(settings.key_file or settings.state_dir / "session-key"))
    store = SqliteSessions(settings.state_dir / "sessions.sqlite", vault, clock)
    short = short_id(settings.customer_id) if settings.customer_id else ""
    cookie, assets, browsers = SessionCookie.of(short), Assets(), Browsers(settings.trusted_proxy)
    api = TenantApi(client)
    health = RecentHealth(functools.partial(health_of, client), time.monotonic)
    desk = SessionDesk(api, store, clock)
    pages = Pages(assets, vault, cookie, settings.tenant_name or "Iotistic", clock)
    site = Site(
        pages=pages,
        assets=assets,
        guard=FormGuard(cookie, vault, settings.public_url),
        authenticator=SessionAuthenticator(cookie, api, desk, browsers),
        health=health,
    )
    live = Live(api, desk)
    parts = Parts(
        pages=pages, api=api, desk=desk, cookie=cookie, browsers=browsers, live=live, health=health
    )
    return create_app(site, resources(parts), [Lifespan([store, _Client(client), live])])


def _client(settings: Settings) -> httpx.AsyncClient:
    """Return a client that proves to the API that it's the dashboard; it follows no redirect."""
    transport = httpx.AsyncHTTPTransport(
        verify=ssl.create_default_context(cafile=settings.tls_ca_file),
        limits=httpx.Limits(max_connections=200, max_keepalive_connections=20),
    )
    timeout = httpx.Timeout(10, connect=3)
    secret = settings.proxy_secret
    proof = {} if secret is None else {PROXY_SECRET: secret.get_secret_value()}
    return httpx.AsyncClient(
        base_url=settings.api_url, transport=transport, timeout=timeout, headers=proof
    )
