"""The API counts a browser behind the dashboard, and believes no other process of the machine."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

import httpx
import pytest

from .real_site import ADDRESS, OWNER, PASSWORD

if TYPE_CHECKING:
    from .real_site import RealSite

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

VISITOR, CLAIMED = "127.77.8.9", "198.51.100.7"
LOGIN = {"email": OWNER, "password": PASSWORD}


def client(site: RealSite, base: str, address: str) -> httpx.Client:
    trust = ssl.create_default_context(cafile=site.folder / "ca" / "tenant-ca.pem")
    transport = httpx.HTTPTransport(verify=trust, local_address=address)
    return httpx.Client(base_url=base, transport=transport, follow_redirects=True)


async def test_a_session_has_the_address_of_its_browser(site, ada):
    with client(site, site.url, VISITOR) as visitor:
        page = visitor.get("/sign-in").text
        form = LOGIN | {"csrf": re.search(r'name="csrf" value="([^"]+)"', page)[1]}
        headers = {"Origin": site.url, "X-Forwarded-For": CLAIMED}
        assert "<h1>Overview</h1>" in visitor.post("/sign-in", data=form, headers=headers).text
        shown = visitor.get("/account").text
    assert f"{VISITOR}, used" in shown
    assert CLAIMED not in shown


@pytest.mark.parametrize("secret", [None, "s" * 43])
async def test_a_process_at_the_dashboards_own_address_is_not_believed(site, ada, secret):
    headers = {"X-Forwarded-For": CLAIMED}
    headers |= {} if secret is None else {"X-Iotistic-Proxy-Secret": secret}
    with client(site, site.api, ADDRESS) as other:
        token = other.post("/api/v1/auth/login", json=LOGIN, headers=headers).json()["accessToken"]
        bearer = {"Authorization": f"Bearer {token}"}
        sessions = other.get("/api/v1/auth/sessions", headers=bearer).json()["items"]
    addresses = {one["address"] for one in sessions}
    assert ADDRESS in addresses
    assert CLAIMED not in addresses
