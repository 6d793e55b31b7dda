"""A browser without a script: it keeps cookies, and sends the forms of the pages it was shown."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import pytest

from iotistic_billing.runtime import outbox_of
from iotistic_kit.work import WorkQueue

if TYPE_CHECKING:
    from falcon.testing import Result

ORIGIN = "https://billing.example"
FORM = {
    "email": "owner@acme.example",
    "password": "correct horse battery",
    "company_name": "Acme Pumps",
    "full_name": "A. Owner",
}


@dataclass(slots=True)
class Browser:
    """One browser at the pages of a running billing."""

    billing: Any
    address: str = "203.0.113.7"
    cookies: dict[str, str] = field(default_factory=dict)
    page: str = ""

    async def get(self, path: str) -> Result:
        """Open a page."""
        return self._seen(
            await self.billing.conductor.simulate_get(
                path, cookies=self.cookies, remote_addr=self.address
            )
        )

    async def post(self, path: str, fields: dict[str, str], origin: str | None = ORIGIN) -> Result:
        """Send the form of the page that is open, with these fields filled in."""
        hidden = {
            name: html.unescape(value)
            for name, value in re.findall(
                r'<input type="hidden" name="(\w+)" value="([^"]*)">', self.page
            )
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if origin is not None:
            headers["Origin"] = origin
        return self._seen(
            await self.billing.conductor.simulate_post(
                path,
                body=urlencode(hidden | fields),
                headers=headers,
                cookies=self.cookies,
                remote_addr=self.address,
            )
        )

    async def sign_up(self, **changes: str) -> Result:
        """Fill in the form and send it."""
        await self.get("/sign-up")
        return await self.post("/sign-up", FORM | changes)

    def heading(self) -> str:
        """What the page is about."""
        found = re.search(r"<h1>(.*?)</h1>", self.page, re.DOTALL)
        return html.unescape(found.group(1).strip()) if found else ""

    def steps(self) -> list[tuple[str, str]]:
        """The steps of the status page, each with its state."""
        found = re.findall(
            r'class="step step-(\w+)".*?class="step-name">(.*?)<', self.page, re.DOTALL
        )
        return [(name, state) for state, name in found]

    def _seen(self, answer: Result) -> Result:
        for name, cookie in answer.cookies.items():
            self.cookies[name] = cookie.value
        if answer.text:
            self.page = answer.text
        return answer


@dataclass(slots=True)
class Post:
    """What stands in the outbox."""

    billing: Any

    async def rows(self) -> list[tuple[str, str, str]]:
        """Kind, recipient and link of each waiting mail, in order."""
        built, settings = self.billing.built, self.billing.settings
        outbox = outbox_of(settings, built.database, WorkQueue(built.database), self.billing.clock)
        async with built.database.connection() as connection:
            cursor = await connection.execute(
                "SELECT o.id FROM outbox o JOIN work w ON w.payload->>'mail' = o.id::text"
                " WHERE sealed IS NOT NULL ORDER BY w.number"
            )
            ids = [row[0] for row in await cursor.fetchall()]
        letters = [await outbox.letter(UUID(str(each))) for each in ids]
        return [(str(each.kind), each.recipient, each.link) for each in letters if each]

    async def token(self) -> str:
        """The token of the newest verification mail."""
        link = [link for kind, _, link in await self.rows() if kind == "verify"][-1]
        return parse_qs(urlsplit(link).query)["token"][0]


@pytest.fixture
def browser(billing: Any) -> Browser:
    """A browser that has seen nothing yet."""
    return Browser(billing)


@pytest.fixture
def post(billing: Any) -> Post:
    """The outbox."""
    return Post(billing)


@pytest.fixture
def another(billing: Any) -> Browser:
    """A browser of somebody else."""
    return Browser(billing, address="198.51.100.9")
