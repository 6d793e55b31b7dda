"""The composition root."""

import functools
import ssl

import httpx

from iotistic_dashboard.app import create_app
from iotistic_dashboard.settings import Settings
from iotistic_dashboard.tenant import health_of
from iotistic_kit import logs
from iotistic_kit.app import ServiceApp
from iotistic_kit.lifespan import Lifespan
from iotistic_kit.settings import read_settings

__all__ = ["make_app"]


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
    verify = ssl.create_default_context(cafile=settings.tls_ca_file)
    client = httpx.AsyncClient(base_url=settings.api_url, verify=verify, timeout=3)
    lifespan = Lifespan([_Client(client)])
    return create_app(functools.partial(health_of, client), [lifespan])
