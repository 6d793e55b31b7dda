"""What pages show to whom, and that nothing which devices or people wrote becomes HTML."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from iotistic_dashboard.testing import Refusal, device, moment

ATTACK = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'{{7*7}}"
ONE = device(7, ATTACK, "failing", tags={"x": ATTACK}, failure={"type": "pull", "message": ATTACK})
AT = f"/devices/{ONE['uuid']}"
API = f"/api/v1{AT}"


class Read(HTMLParser):
    """The elements and inline handlers of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        told = dict(attrs)
        if tag == "img" or (tag == "script" and not str(told.get("src")).startswith("/static/")):
            self.bad.append(f"{tag} {told}")
        names = ("style", *(name for name in told if name.startswith("on")))
        self.bad += [f"{tag} {name}" for name in names if name in told]


@pytest.mark.parametrize(
    "path", ["/", "/devices", AT, f"{AT}/services", f"{AT}/deploy", f"{AT}/events",
             f"{AT}/logs", f"{AT}/settings", f"{AT}/remove", f"/devices?q={ATTACK}"],
)  # fmt: skip
async def test_what_devices_and_people_write_stays_text(ada, tenant, path):
    tenant.devices = [ONE]
    service = {"serviceId": "a", "serviceName": ATTACK, "imageName": ATTACK}
    spec = {"apps": {"x": {"appName": ATTACK, "services": [service]}}}
    override = {"state": "stopped", "owner": ATTACK, "reason": ATTACK}
    tenant.answers["GET", f"{API}/target-state"] = {
        "uuid": ONE["uuid"], "spec": spec, "overrides": {"a": override},
    }  # fmt: skip
    error = {"message": ATTACK}
    report = {
        "apps": {"x": {"services": {"a": {"state": ATTACK, "health": ATTACK, "error": error}}}}
    }
    tenant.answers["GET", f"{API}/current-state"] = {"report": report, "receivedAt": ATTACK}
    event = {
        "type": ATTACK,
        "severity": ATTACK,
        "actor": ATTACK,
        "at": ATTACK,
        "data": {"error": ATTACK},
    }
    tenant.answers["GET", f"{API}/events"] = {"items": [event], "next": ATTACK}
    line = {"level": ATTACK, "service": ATTACK, "message": ATTACK, "at": ATTACK}
    tenant.answers["GET", f"{API}/logs"] = {"items": [line], "next": ATTACK}
    answer = await ada._ask("GET", path.partition("?")[0], {}, query_string=path.partition("?")[2])
    assert answer.status_code == 200
    assert Read(answer.text).bad == []
    assert "{{7*7}}" in answer.text


async def test_what_the_api_refuses_with_stays_text(ada, tenant):
    tenant.answers["POST", "/api/provisioning-keys"] = Refusal(422, "invalid", ATTACK)
    tenant.answers["GET", "/api/provisioning-keys"] = {"items": [], "next": None}
    page = await ada.follow(await ada.post("/provisioning-keys", name="x"))
    assert "&lt;script&gt;" in page.text
    assert Read(page.text).bad == []
    assert ATTACK not in (await ada.get("/provisioning-keys")).text, "it is said once"


@pytest.mark.parametrize(
    ("role", "there", "absent"),
    [
        ("viewer", ["License"], ["Users", "Audit log", "Add devices"]),
        ("operator", ["License"], ["Users", "Add devices"]),
        ("owner", ["License", "Users", "Audit log", "Add devices"], []),
    ],
)
async def test_a_role_sees_what_it_may_do(visitor, tenant, role, there, absent):
    tenant.role = role
    await visitor.sign_in()
    page = (await visitor.get("/devices")).text
    assert [word for word in there if word not in page] == []
    assert [word for word in absent if f">{word}<" in page or f"svg>{word}" in page] == []


async def test_what_a_role_may_not_do_is_said(ada, tenant):
    tenant.answers["DELETE", API] = Refusal(403, "forbidden", "it takes the scope devices")
    page = await ada.follow(await ada.post(f"{AT}/remove"))
    assert "Your role doesn&#39;t allow this." in page.text


async def test_a_restricted_license_is_said(ada, tenant):
    tenant.answers["POST", f"{API}/poll-now"] = Refusal(402, "payment_required")
    await ada.post(f"{AT}/poll-now")
    assert "allows reading only" in (await ada.get("/devices")).text


async def test_an_answer_that_isn_t_understood_is_no_page_of_rubbish(ada, tenant):
    tenant.answers["GET", "/api/v1/overview"] = {"devices": "many"}
    assert (await ada.get("/")).status_code == 503


async def test_an_empty_fleet_says_what_to_do(ada, tenant):
    tenant.devices = []
    page = (await ada.get("/")).text
    assert "No device has registered yet" in page
    assert 'href="/provisioning-keys"' in page
    assert "No device matches" in (await ada.get("/devices?q=x")).text


async def test_removing_asks_and_names_what_is_lost(ada, tenant):
    pump = tenant.devices[0]
    page = (await ada.get(f"/devices/{pump['uuid']}/remove")).text
    assert "pump with its name, tags, target state" in page
    assert ("DELETE", f"/api/v1/devices/{pump['uuid']}") not in [call[:2] for call in tenant.calls]
    tenant.answers["DELETE", f"/api/v1/devices/{pump['uuid']}"] = True
    answer = await ada.post(f"/devices/{pump['uuid']}/remove", name="pump")
    assert "pump is removed." in (await ada.follow(answer)).text


@pytest.mark.parametrize("act", ["start", "stop", "pause", "restart", "give-back"])
async def test_an_act_on_a_service_is_the_api_s(ada, tenant, act):
    uuid = tenant.devices[0]["uuid"]
    path = f"/api/v1/devices/{uuid}/apps/demo/services/web/{act}"
    tenant.answers["POST", path] = {}
    await ada.post(f"/devices/{uuid}/services/demo/web", act=act, reason=" leaks ", hours="8")
    body = next(call[3] for call in tenant.calls if call[1] == path)
    assert body["reason"] == "leaks"
    assert ("expiresAt" in body) is (act in {"start", "stop", "pause"})


async def test_an_act_that_is_none_is_refused(ada, tenant):
    uuid = tenant.devices[0]["uuid"]
    answer = await ada.post(f"/devices/{uuid}/services/demo/web", act="../../..")
    assert answer.status_code == 422


async def test_a_refused_draft_stays_in_the_editor(ada, tenant):
    uuid = tenant.devices[0]["uuid"]
    draft = f"/api/v1/devices/{uuid}/target-state/draft"
    tenant.answers["PUT", draft] = Refusal(
        422, "invalid", "it breaks a rule", errors=[{"pointer": "/apps", "detail": "no object"}]
    )
    text = json.dumps({"apps": 7, "note": "</textarea><script>"})
    answer = await ada.post(f"/devices/{uuid}/deploy", spec=text, base="3", draft="0")
    assert answer.status_code == 422
    assert revisions(answer.text) == {"base": "3", "draft": "0"}, "nothing is based anew by itself"
    assert "it breaks a rule (/apps: no object)" in answer.text
    assert "&lt;/textarea&gt;" in answer.text
    headers = next(call[2] for call in tenant.calls if call[:2] == ("PUT", draft))
    assert headers["if-match"] == '"3"'


async def test_a_part_of_a_page_is_that_part_and_says_nothing_once(ada, tenant):
    tenant.answers["POST", f"{API}/poll-now"] = True
    await ada.post(f"{AT}/poll-now")
    part = await ada.get("/?part=fleet")
    assert part.text.lstrip().startswith("<section")
    assert "<html" not in part.text
    assert "told to ask" in (await ada.get("/")).text
    assert (await ada.get("/?part=nowhere")).status_code == 404


async def test_an_ended_session_sends_a_part_s_page_away(visitor):
    answer = await visitor.get("/?part=fleet", **{"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in")


async def test_the_theme_is_kept(ada):
    await ada.post("/theme", theme="dark", back="/devices")
    assert 'data-theme="dark"' in (await ada.get("/devices")).text
    await ada.post("/theme", theme="purple", back="/devices")
    assert 'data-theme="dark"' in (await ada.get("/devices")).text


async def test_the_tenant_s_name_and_a_license_that_is_due_are_on_every_page(visitor, tenant):
    tenant.license = "restricted"
    await visitor.sign_in()
    page = (await visitor.get("/devices")).text
    assert "<title>Devices · Acme Pumps</title>" in page
    assert "License: reading only until it is paid" in page
    await visitor.post("/sign-out")
    tenant.license = "valid"
    await visitor.sign_in()
    assert "License:" not in (await visitor.get("/devices")).text


def revisions(page: str) -> dict[str, str]:
    """Return what the editor's form says that it is based on, and what it offers."""
    form = page[page.index('id="editor-title"') :]
    return dict(re.findall(r'name="(base|draft|onto)" value="([^"]*)"', form))


async def test_a_draft_is_never_saved_over_another_by_itself(ada, tenant):
    tenant.devices = [ONE]
    tenant.answers["GET", f"{API}/target-state"] = {
        "uuid": ONE["uuid"], "spec": None, "overrides": {}, "specRevision": 3,
    }  # fmt: skip
    first = await ada.get(f"{AT}/deploy")
    assert revisions(first.text) == {"base": "3", "draft": "0"}

    tenant.answers["GET", f"{API}/target-state"]["specRevision"] = 4
    tenant.answers["GET", f"{API}/target-state/draft"] = {
        "spec": {"apps": {}, "config": {}}, "baseRevision": 4, "draftRevision": 9, "stale": False,
        "changedBy": "Bob", "changedAt": moment(hours=1), "diff": [],
    }  # fmt: skip
    tenant.answers["PUT", f"{API}/target-state/draft"] = Refusal(412, "draft_changed", "it changed")
    fields = {"spec": "{}", "base": "3", "draft": "0"}
    refused = await ada.post(f"{AT}/deploy", **fields)
    assert (refused.status_code, revisions(refused.text)) == (
        412, {"base": "3", "draft": "0", "onto": "4.9"},
    )  # fmt: skip
    assert "over the draft of Bob" in refused.text

    tenant.answers["PUT", f"{API}/target-state/draft"] = {}
    saved = await ada.post(f"{AT}/deploy", **fields, onto="4.9")
    assert saved.status_code == 303
    asked = [
        (call[2]["if-match"], query["draftRevision"])
        for call, query in zip(tenant.calls, tenant.queries, strict=True)
        if call[0] == "PUT"
    ]
    assert asked == [('"3"', "0"), ('"4"', "9")]


WAS = {"was-name": "pump", "was-type": "gateway", "was-fleet": "", "was-tags": "a=1\nb=2"}
NOW = {"name": "pump", "type": "gateway", "fleet": "", "tags": "a=1\r\nb=2\r\n"}


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ({}, []),
        ({"name": "mast"}, [{"name": "mast"}]),
        ({"type": ""}, [{"deviceType": None}]),
        ({"fleet": "north", "tags": "a=1"}, [{"fleet": "north", "tags": {"a": "1"}}]),
    ],
)
async def test_only_what_was_changed_is_sent(ada, tenant, typed, sent):
    tenant.answers["PATCH", f"{API}"] = {}
    answer = await ada.post(f"{AT}/settings", **(WAS | NOW | typed))
    assert answer.status_code == 303
    assert [call[3] for call in tenant.calls if call[0] == "PATCH"] == sent


async def test_what_is_too_long_is_refused_and_not_cut(ada, tenant):
    tags = "\n".join(f"key{number}={'v' * 200}" for number in range(101))
    answer = await ada.post(f"{AT}/settings", **(WAS | NOW | {"tags": tags}))
    assert (answer.status_code, "tags is too long" in answer.text) == (422, True)
    assert [call for call in tenant.calls if call[0] == "PATCH"] == []


async def test_the_form_of_a_device_knows_what_stood_there(ada, tenant):
    tenant.devices = [ONE | {"name": "pump", "tags": {"a": "1", "b": "2"}}]
    page = (await ada.get(f"{AT}/settings")).text
    assert dict(re.findall(r'name="(was-[a-z]+)" value="([^"]*)"', page)) == WAS


async def test_a_device_that_is_let_in_again_needs_a_key_of_its_fleet(ada, tenant):
    tenant.devices = [ONE | {"fleet": "north", "reregisterUntil": moment(hours=-1)}]
    tenant.answers["POST", f"{API}/readmit"] = True
    page = await ada.follow(await ada.post(f"{AT}/readmit"))
    assert "A new provisioning key must be of the same fleet." in page.text
    assert "A new provisioning key must be of the fleet north" in page.text


@pytest.mark.parametrize(
    "path", ["/provisioning-keys/%2E%2E/revoke", f"{AT}/services/%2E%2E/web", "/devices/../x"]
)
async def test_a_path_that_leads_elsewhere_leads_nowhere(ada, path):
    assert (await ada.post(path, act="stop")).status_code == 404
    assert (await ada.get(path)).status_code == 404


async def test_log_lines_are_asked_for_as_the_page_says(ada, tenant):
    tenant.devices = [ONE]
    line = {"level": "warning", "service": "a", "message": "no route", "at": moment(minutes=1)}
    agent = {"level": "info", "component": "cloudSync", "message": "up", "at": moment(hours=1)}
    tenant.answers["GET", f"{API}/logs"] = {"items": [line, agent], "next": "17"}
    service = {"serviceId": "a", "serviceName": "pump", "imageName": "x"}
    spec = {"apps": {"x": {"appName": "X", "services": [service]}}}
    tenant.answers["GET", f"{API}/target-state"] = {
        "uuid": ONE["uuid"], "spec": spec, "overrides": {},
    }  # fmt: skip
    page = (await ada.get(f"{AT}/logs?service=a&level=warning&before=40&x=1")).text
    assert "no route" in page
    assert 'href="' + AT + '/logs?service=a&amp;level=warning&amp;before=17"' in page
    assert '<option value="a" selected>pump</option>' in page
    assert "hx-trigger" not in page[page.index('id="lines"') :], "what is old doesn't change"
    assert "cloudSync" in page
    newest = (await ada.get(f"{AT}/logs?level=loud&before=x")).text
    assert 'hx-trigger="every 10s' in newest
    assert "before=17" in newest


async def test_no_log_lines_say_why(ada, tenant):
    tenant.devices = [ONE]
    page = (await ada.get(f"{AT}/logs")).text
    assert "config.logging.upload" in page
    part = (await ada.get(f"{AT}/logs?part=lines")).text
    assert "<html" not in part
