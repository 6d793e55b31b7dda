"""What a person decides about is what they saw: revisions go from page to question to API."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from iotistic_dashboard.testing import Refusal, device, moment

ONE = device(7, "pump")
AT = f"/devices/{ONE['uuid']}"
API = f"/api/v1{AT}"
DRAFT = {
    "spec": {"apps": {}, "config": {}}, "baseRevision": 4, "draftRevision": 9, "stale": False,
    "changedBy": "Bob", "changedAt": moment(hours=1), "diff": [],
}  # fmt: skip
PAST = [
    {"version": version, "specRevision": revision, "changedAt": moment(hours=1),
     "changedBy": "ada", "diff": []}
    for version, revision in [(5, 4), (2, 3), (2, 2)]
]  # fmt: skip


@pytest.fixture(autouse=True)
def shown(tenant):
    tenant.devices = [ONE]
    tenant.answers["GET", f"{API}/target-state"] = {
        "uuid": ONE["uuid"], "spec": None, "overrides": {}, "specRevision": 4, "version": 5,
    }  # fmt: skip
    tenant.answers["GET", f"{API}/target-state/draft"] = dict(DRAFT)
    tenant.answers["GET", f"{API}/target-state/history"] = {"items": PAST, "next": None}


def links(page: str, to: str) -> list[str]:
    found = re.findall(r'href="([^"]*)"', page)
    return [html.unescape(link) for link in found if link.startswith(f"{AT}/{to}")]


def fields(page: str) -> dict[str, str]:
    """Return the hidden fields of the page's question."""
    form = page[page.index('id="question"') :]
    told = dict(re.findall(r'type="hidden" name="([a-z]+)" value="([^"]*)"', form))
    return {name: value for name, value in told.items() if name != "csrf"}


def asked(tenant: Any, method: str, path: str) -> list[Any]:
    return [
        call[3] if method == "POST" else query
        for call, query in zip(tenant.calls, tenant.queries, strict=True)
        if call[:2] == (method, f"{API}/{path}")
    ]


async def test_the_way_back_names_the_spec_that_was_shown(ada, tenant):
    page = (await ada.get(f"{AT}/deploy")).text
    first, last = links(page, "rollback")
    question = (await ada.get(last)).text
    assert fields(question) == {"version": "2", "revision": "2", "base": "4"}
    assert fields((await ada.get(first)).text)["revision"] == "3"
    tenant.answers["POST", f"{API}/rollback"] = {}
    done = await ada.follow(await ada.post(f"{AT}/rollback", **fields(question)))
    assert "Version 2 is in force again" in done.text
    told = {"version": 2, "specRevision": 2, "baseRevision": 4}
    assert asked(tenant, "POST", "rollback") == [told]


async def test_what_changed_before_the_question_is_said_instead_of_it(ada, tenant):
    page = (await ada.get(f"{AT}/deploy")).text
    tenant.answers["GET", f"{API}/target-state"]["specRevision"] = 5
    tenant.answers["GET", f"{API}/target-state/draft"]["draftRevision"] = 10
    back, discard = links(page, "rollback")[0], links(page, "deploy/discard")[0]
    for link, words in [(back, "changed the target state"), (discard, "saved another draft")]:
        answer = await ada.get(link)
        assert answer.status_code == 412
        assert words in answer.text
        assert 'id="question"' not in answer.text


async def test_what_changed_after_the_question_is_the_api_s_to_refuse(ada, tenant):
    page = (await ada.get(f"{AT}/deploy")).text
    tenant.answers["POST", f"{API}/rollback"] = Refusal(412, "precondition_failed", "at revision 5")
    question = (await ada.get(links(page, "rollback")[0])).text
    refused = await ada.follow(await ada.post(f"{AT}/rollback", **fields(question)))
    assert "at revision 5" in refused.text
    assert "is in force again" not in refused.text


async def test_only_the_draft_that_was_shown_is_discarded(ada, tenant):
    page = (await ada.get(f"{AT}/deploy")).text
    question = (await ada.get(links(page, "deploy/discard")[0])).text
    assert fields(question) == {"draft": "9"}
    tenant.answers["DELETE", f"{API}/target-state/draft"] = Refusal(
        412, "draft_changed", "it is another one"
    )
    refused = await ada.follow(await ada.post(f"{AT}/deploy/discard", draft="9"))
    assert "it is another one" in refused.text
    tenant.answers["DELETE", f"{API}/target-state/draft"] = True
    done = await ada.follow(await ada.post(f"{AT}/deploy/discard", draft="9"))
    assert "The draft is discarded." in done.text
    assert asked(tenant, "DELETE", "target-state/draft") == [{"draftRevision": "9"}] * 2


@pytest.mark.parametrize("path", ["rollback", "rollback?version=2&base=4", "deploy/discard"])
async def test_a_question_about_nothing_that_was_shown_is_refused(ada, path):
    assert (await ada.get(f"{AT}/{path}")).status_code == 422
