"""The dashboard before a tenant API in memory, and a browser without scripts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import pytest
from falcon.testing import ASGIConductor, Result

from iotistic_dashboard.runtime import build
from iotistic_dashboard.settings import Settings
from iotistic_dashboard.testing import PASSWORD, MemoryTenant, device

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iotistic_kit.app import ServiceApp

CUSTOMER = "cust_0123456789abcdef0123456789abcdef"
COOKIE = "__Host-iot_01234567"
HOST = "acme.example"
ORIGIN = f"https://{HOST}"


@dataclass
class Visitor:
    """A browser without scripts: it keeps cookies, and sends forms from the page it is on."""

    conductor: ASGIConductor
    cookies: dict[str, str] = field(default_factory=dict)
    page: str = ""

    async def get(self, path: str, **headers: str) -> Result:
        return await self._ask("GET", path, headers=headers)

    async def post(
        self, path: str, *, origin: str | None = ORIGIN, csrf: str | None = "", **fields: str
    ) -> Result:
        token = self.csrf if csrf == "" else csrf
        form = fields | ({} if token is None else {"csrf": token})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        headers |= {} if origin is None else {"Origin": origin}
        return await self._ask("POST", path, headers=headers, body=urlencode(form))

    async def sign_in(self, path: str = "/sign-in", **fields: str) -> Result:
        await self.get(path)
        told = {"email": "ada@example.com", "password": PASSWORD} | fields
        return await self.post("/sign-in", **told)

    async def follow(self, answer: Result) -> Result:
        assert answer.status_code == 303, (answer.status_code, answer.text)
        return await self.get(answer.headers["location"])

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.page)
        return found[1] if found else ""

    async def _ask(self, method: str, path: str, headers: Any, **kwargs: Any) -> Result:
        if self.cookies:
            headers = headers | {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        answer = await self.conductor.simulate_request(
            method, path, headers=headers, host=HOST, protocol="https", **kwargs
        )
        for name, cookie in answer.cookies.items():
            self.cookies[name] = cookie.value or ""
            if cookie.expires is not None and cookie.expires.year < 2020:
                del self.cookies[name]
        if "text/html" in answer.headers.get("content-type", ""):
            self.page = answer.text
        return answer


def built(tenant: MemoryTenant, folder: Path, **settings: Any) -> ServiceApp:
    client = httpx.AsyncClient(transport=httpx.ASGITransport(tenant), base_url="https://api")
    told = {"api_url": "https://api", "state_dir": folder, "customer_id": CUSTOMER}
    return build(Settings(**(told | settings)), client)


@pytest.fixture
def tenant() -> MemoryTenant:
    names = {"pump": "online", "mast": "offline", "camera": "failing"}
    return MemoryTenant(
        devices=[device(at, name, status) for at, (name, status) in enumerate(names.items())]
    )


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "dashboard"


@pytest.fixture
async def visitor(tenant: MemoryTenant, state_dir: Path) -> AsyncIterator[Visitor]:
    async with ASGIConductor(built(tenant, state_dir)) as conductor:
        yield Visitor(conductor)


@pytest.fixture
async def ada(visitor: Visitor) -> Visitor:
    """Give a visitor who has signed in, and is on the overview."""
    await visitor.follow(await visitor.sign_in())
    return visitor
