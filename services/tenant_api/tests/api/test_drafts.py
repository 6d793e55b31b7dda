"""Drafts, deploys, history and the way back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from iotistic_tenant_api.testing import MemoryDevice, said, spec

pytestmark = pytest.mark.real


def path(device: MemoryDevice, *words: str) -> str:
    return "/".join([f"/api/v1/devices/{device.uuid}", *words])


async def save(
    api: Any, device: MemoryDevice, body: Any, revision: int, over: int | None = None
) -> Any:
    return await api.call(
        "PUT",
        path(device, "target-state", "draft"),
        body,
        headers={"If-Match": f'"{revision}"'},
        params=None if over is None else {"draftRevision": over},
    )


async def deploy(api: Any, device: MemoryDevice, revision: int, **more: Any) -> Any:
    answer = await api.call("POST", path(device, "deploy"), {"baseRevision": revision} | more)
    await api.heard()
    return answer


async def roll_back(
    api: Any, device: MemoryDevice, version: int, revision: int, **more: int
) -> Any:
    body = {"version": version, "baseRevision": revision, **more}
    answer = await api.call("POST", path(device, "rollback"), body)
    await api.heard()
    return answer


async def drop(api: Any, device: MemoryDevice, revision: int | None) -> Any:
    query = None if revision is None else {"draftRevision": revision}
    return await api.call("DELETE", path(device, "target-state", "draft"), params=query)


def image(name: str) -> Any:
    body = spec("a")
    body["apps"]["web"]["services"][0]["imageName"] = name
    return body


CHANGED = {"path": "/apps/web/services/a/imageName", "op": "change",
           "before": "busybox:1", "after": "busybox:2"}  # fmt: skip


async def test_a_draft_changes_nothing_until_it_is_deployed(api: Any) -> None:
    device = await api.registered()
    await api.write(device, spec("a"))
    etag = (await api.poll(device)).headers["etag"]
    view = (await save(api, device, image("busybox:2"), 1)).json
    assert (view["baseRevision"], view["stale"], view["changedBy"]) == (1, False, "admin")
    assert view["diff"] == [CHANGED]
    assert (await api.call("GET", path(device, "target-state", "draft"))).json == view
    assert (await api.poll(device, etag)).status_code == 304
    target = await deploy(api, device, 1)
    assert (target.json["version"], target.headers["etag"]) == (2, '"2"')
    services = (await api.poll(device)).json["apps"]["web"]["services"]
    assert services[0]["imageName"] == "busybox:2"
    gone = await api.call("GET", path(device, "target-state", "draft"))
    assert said(gone) == (404, "no_draft")
    assert said(await deploy(api, device, 2)) == (404, "no_draft")


async def test_a_draft_for_a_device_without_any_target(api: Any) -> None:
    device = await api.registered()
    view = (await save(api, device, spec("a"), 0)).json
    assert [change["path"] for change in view["diff"]] == ["/apps", "/config"]
    assert (await deploy(api, device, 0)).json["version"] == 1


async def test_a_draft_is_dropped(api: Any) -> None:
    device = await api.registered()
    revision = (await save(api, device, spec("a"), 0)).json["draftRevision"]
    assert (await drop(api, device, revision)).status_code == 204
    assert said(await drop(api, device, revision)) == (404, "no_draft")


async def test_only_the_draft_that_was_looked_at_is_dropped(api: Any) -> None:
    device = await api.registered()
    hers = (await save(api, device, spec("a"), 0)).json["draftRevision"]
    his = (await save(api, device, spec("a", "b"), 0)).json["draftRevision"]
    refused = await drop(api, device, hers)
    assert said(refused) == (412, "draft_changed")
    assert refused.json["draftRevision"] == his
    unnamed = await drop(api, device, None)
    assert (said(unnamed), unnamed.json["errors"][0]["pointer"]) == (
        (422, "invalid"), "/draftRevision",
    )  # fmt: skip
    kept = (await api.call("GET", path(device, "target-state", "draft"))).json
    assert kept["draftRevision"] == his
    assert (await drop(api, device, his)).status_code == 204


async def test_whoever_wrote_meanwhile_makes_a_draft_stale(api: Any) -> None:
    device = await api.registered()
    await api.write(device, spec("a"))
    await save(api, device, image("busybox:2"), 1)
    await api.write(device, spec("a", "b"), 1)
    view = (await api.call("GET", path(device, "target-state", "draft"))).json
    assert view["stale"]
    for revision in (1, 2):
        refused = await deploy(api, device, revision)
        assert said(refused) == (409, "draft_stale")
        assert refused.json["specRevision"] == 2
        assert refused.json["diff"] == view["diff"]
        assert [change["path"] for change in view["diff"]] == [
            "/apps/web/services/a/imageName",
            "/apps/web/services/b",
        ]
    assert said(await save(api, device, spec("a"), 1)) == (412, "precondition_failed")
    again = image("busybox:2")
    again["apps"]["web"]["services"] += spec("b")["apps"]["web"]["services"]
    assert (await save(api, device, again, 2)).json["diff"] == [CHANGED]
    assert (await deploy(api, device, 2)).status_code == 200


async def test_two_people_with_one_draft(api: Any) -> None:
    device = await api.registered()
    await api.write(device, spec("a"))
    hers = (await save(api, device, image("busybox:2"), 1, over=0)).json["draftRevision"]
    refused = await save(api, device, image("busybox:3"), 1, over=0)
    assert (said(refused), refused.json["draftRevision"]) == ((412, "draft_changed"), hers)
    his = (await save(api, device, image("busybox:3"), 1, over=hers)).json["draftRevision"]
    assert his != hers
    assert said(await deploy(api, device, 1, draftRevision=hers)) == (412, "draft_changed")
    done = await deploy(api, device, 1, draftRevision=his)
    assert done.json["spec"]["apps"]["web"]["services"][0]["imageName"] == "busybox:3"
    later = (await save(api, device, spec("a"), 2, over=0)).json["draftRevision"]
    assert later not in {hers, his}, "a revision never comes back"


async def test_two_people_deploy_at_once_and_one_wins(api: Any) -> None:
    device = await api.registered()
    await api.write(device, spec("a"))
    await save(api, device, image("busybox:2"), 1)
    answers = await asyncio.gather(*(deploy(api, device, 1) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]
    revisions = await api.rows("SELECT spec_revision FROM device_target_state")
    assert revisions == [(2,)]


async def test_secrets_of_a_draft_are_masked_and_kept(api: Any) -> None:
    device = await api.registered()
    await api.write(device, spec("a", secrets={"OLD": "hunter1"}))
    body = spec("a", secrets={"OLD": "hunter1", "NEW": "hunter2"})
    view = (await save(api, device, body, 1)).json
    secret = "/apps/web/services/a/config/secrets/NEW"
    assert view["diff"] == [{"path": secret, "op": "add", "before": None, "after": "********"}]
    shown = view["spec"]
    assert list(shown["apps"]["web"]["services"][0]["config"]["secrets"]["NEW"]) == ["hmac"]
    assert "hunter" not in str(await api.rows("SELECT d::text FROM device_target_drafts d"))
    again = (await save(api, device, shown, 1)).json
    assert again["spec"] == shown, "saved again as it was shown"
    changed = spec("a", secrets={"OLD": "hunter3"})
    diff = (await save(api, device, changed, 1)).json["diff"]
    assert [(one["op"], one["before"], one["after"]) for one in diff] == [
        ("change", "********", "******** (new value)")
    ]
    old = spec("a", secrets={"OLD": {"hmac": "A" * 43}})
    assert said(await save(api, device, old, 1)) == (422, "invalid")
    refused = await save(api, device, shown, 1)
    assert said(refused) == (422, "invalid"), "NEW went with the draft that had it"


async def test_the_history_says_who_changed_what(api: Any) -> None:
    device = await api.registered()
    await api.write(device, spec("a", secrets={"TOKEN": "hunter2"}))
    await api.write(device, spec("a", secrets={"TOKEN": "hunter3"}), 1)
    body = {"a": {"state": "stopped", "owner": "ada", "reason": "noise"}}
    await api.call("PATCH", path(device, "overrides"), body)
    await save(api, device, spec("a", "b", secrets={"TOKEN": "hunter3"}), 2)
    await deploy(api, device, 2)
    where = path(device, "target-state", "history")
    page = (await api.call("GET", where)).json
    assert [(one["version"], one["specRevision"]) for one in page["items"]] == [
        (4, 3), (3, 2), (2, 2), (1, 1),
    ]  # fmt: skip
    paths = [[change["path"] for change in one["diff"]] for one in page["items"]]
    assert paths == [
        ["/apps/web/services/b"],
        ["/overrides"],
        ["/apps/web/services/a/config/secrets/TOKEN"],
        ["/apps", "/config"],
    ]
    assert page["next"] is None
    assert {one["changedBy"] for one in page["items"]} == {"admin"}
    assert "hunter" not in str(page)
    seen, before = [], None
    for _ in range(4):
        query = {"limit": 1} | ({"before": before} if before else {})
        part = (await api.call("GET", where, params=query)).json
        seen += part["items"]
        before = part["next"]
    assert (seen, before) == (page["items"], None)


async def test_the_oldest_that_is_remembered_has_no_diff(api: Any) -> None:
    device = await api.registered()
    for number in range(3):
        await api.write(device, image(f"busybox:{number}"), number)
    await api.rows("DELETE FROM device_target_state_history WHERE version = 1 RETURNING 1")
    items = (await api.call("GET", path(device, "target-state", "history"))).json["items"]
    assert [one["diff"] is None for one in items] == [False, True]


async def test_a_rollback_puts_an_earlier_spec_in_force(api: Any) -> None:
    device = await api.registered()
    await api.write(device, image("busybox:1"))
    await api.write(device, image("busybox:2"), 1)
    assert said(await roll_back(api, device, 1, 1)) == (412, "precondition_failed")
    assert said(await roll_back(api, device, 9, 2)) == (404, "not_found")
    view = (await roll_back(api, device, 1, 2)).json
    assert (view["version"], view["specRevision"]) == (3, 3)
    services = (await api.poll(device)).json["apps"]["web"]["services"]
    assert services[0]["imageName"] == "busybox:1"
    same = (await roll_back(api, device, 1, 3)).json
    assert same["version"] == 3, "it is in force already"


async def test_a_rollback_goes_to_one_of_the_specs_of_a_version(api: Any) -> None:
    device = await api.registered()
    stopped, hers = spec("a"), spec("a")
    stopped["apps"]["web"]["services"][0]["state"] = "stopped"
    await api.write(device, hers)
    body = {"a": {"state": "stopped", "owner": "ada", "reason": "noise"}}
    await api.call("PATCH", path(device, "overrides"), body)
    await api.write(device, stopped, 1)
    await api.write(device, image("busybox:9"), 2)
    past = (await api.call("GET", path(device, "target-state", "history"))).json["items"]
    places = [(one["version"], one["specRevision"]) for one in past]
    assert places == [(3, 3), (2, 2), (2, 1), (1, 1)], "two specs came to version 2"
    assert said(await roll_back(api, device, 2, 3, specRevision=3)) == (404, "not_found")
    view = (await roll_back(api, device, 2, 3, specRevision=1)).json
    assert view["spec"]["apps"]["web"]["services"][0].get("state", "running") == "running"
    last = (await roll_back(api, device, 2, 4)).json
    assert last["spec"]["apps"]["web"]["services"][0]["state"] == "stopped"


async def test_a_rollback_names_the_secrets_that_are_gone(api: Any) -> None:
    device = await api.registered()
    await api.write(device, spec("a", secrets={"KEPT": "hunter1", "GONE": "hunter2"}))
    await api.write(device, spec("a", secrets={"KEPT": "hunter1", "GONE": "other"}), 1)
    await api.write(device, spec("a", "b", secrets={"KEPT": "hunter1"}), 2)
    refused = await roll_back(api, device, 1, 3)
    assert said(refused) == (409, "secrets_gone")
    assert refused.json["secrets"] == [{"serviceId": "a", "name": "GONE"}]
    assert "hunter" not in refused.text
    await api.write(device, spec("a", "b", secrets={"KEPT": "hunter1", "GONE": "hunter2"}), 3)
    view = (await roll_back(api, device, 1, 4)).json
    secrets = view["spec"]["apps"]["web"]["services"][0]["config"]["secrets"]
    assert sorted(secrets) == ["GONE", "KEPT"]


async def test_events_tell_deploys_from_writes_and_rollbacks(api: Any) -> None:
    device = await api.registered()
    await api.write(device, image("busybox:1"))
    await save(api, device, image("busybox:2"), 1)
    await deploy(api, device, 1)
    await roll_back(api, device, 1, 2)
    items = (await api.call("GET", path(device, "events"))).json["items"]
    assert [(one["type"], one["data"].get("version")) for one in items[:3]] == [
        ("rolled_back", 3), ("deployed", 2), ("spec_written", 1),
    ]  # fmt: skip
