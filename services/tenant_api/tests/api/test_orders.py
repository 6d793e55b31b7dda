"""Upgrade orders: who may give them, what is signed, handed out, overtaken, voided."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from falcon.testing import ASGIConductor
from pydantic import SecretStr

from iotistic_contract.orders import Held, Order, refusal
from iotistic_contract.planning.agent_release import plan as plan_release
from iotistic_pki.orders import OrderKeys, verify_order
from iotistic_pki.release import ReleaseFolder
from iotistic_tenant_api.runtime import Worker
from iotistic_tenant_api.testing import MemoryDevice, said

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.real

VERSION = "0.2.0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built, packaging = tmp_path / "built", tmp_path / "packaging"
    built.mkdir()
    packaging.mkdir()
    name = f"iotistic-agent-{VERSION}-aarch64.tar"
    (built / name).write_bytes(b"wheels")
    bundle = {"arch": "aarch64", "file": name, "size": 6, "pythons": ["3.11"]}
    bundle["sha256"] = hashlib.sha256(b"wheels").hexdigest()
    (built / "bundles.json").write_text(json.dumps({"version": VERSION, "bundles": [bundle]}))
    (packaging / "install.sh").write_text("'@VERSION@' '@RELEASED@' '@KEY@' '@BUNDLES@'\n")
    release = ReleaseFolder(tmp_path / "release", tmp_path / "key.pem", built, packaging)
    plan_release(release.read(datetime.now(UTC)), release.wanted()).apply(release)
    return tmp_path / "release"


@pytest.fixture
async def served(
    api: Any, conninfo: str, clock: Any, folder: Path, plan: str
) -> AsyncIterator[Any]:
    token = api.files.billing.license_token(api.files.customer_id, clock.now(), plan)
    settings = api.files.settings(
        conninfo, install_dir=folder, iotistic_license_key=SecretStr(token)
    )
    api.worker = Worker(settings, clock)
    async with ASGIConductor(api.worker.app()) as conductor:
        api.conductor = conductor
        yield api


async def order(api: Any, device: MemoryDevice, **wish: Any) -> Any:
    body = {"version": VERSION, **wish}
    return await api.call("POST", f"/api/v1/devices/{device.uuid}/upgrade", body)


async def fetch(api: Any, device: MemoryDevice) -> Any:
    return await api.ask("GET", f"/api/v1/device/{device.uuid}/jobs/next", headers=device.headers)


async def tell(api: Any, device: MemoryDevice, order_id: str, **report: Any) -> Any:
    path = f"/api/v1/device/{device.uuid}/jobs/{order_id}"
    return await api.ask("PATCH", path, report, headers=device.headers)


async def listed(api: Any, device: MemoryDevice) -> list[Any]:
    return list((await api.call("GET", f"/api/v1/devices/{device.uuid}/orders")).json["items"])


async def verified(api: Any, device: MemoryDevice, token: str) -> Order:
    path = f"/api/v1/device/{device.uuid}/credentials"
    keys = (await api.ask("GET", path, headers=device.headers)).json["orderPublicKeys"]
    return verify_order(token, OrderKeys(keys=tuple(keys)))


async def test_an_order_is_signed_handed_out_and_done(served: Any, folder: Path) -> None:
    device = await served.registered()
    assert (await fetch(served, device)).status_code == 204
    given = await order(served, device)
    assert given.status_code == 201, given.text
    answer = (await fetch(served, device)).json
    assert answer["job"] is None
    signed = await verified(served, device, answer["order"])
    held = Held(
        customer_id=served.files.customer_id, uuid=device.uuid, registration=device.registration
    )
    now = served.clock.now()
    assert refusal(signed, held, now) is None
    assert refusal(signed, held, now - timedelta(minutes=4)) is None
    assert (signed.version, signed.counter, signed.allow_downgrade) == (VERSION, 1, False)
    assert signed.sha256 == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert signed.expires - signed.not_before == timedelta(days=30)

    assert (await tell(served, device, signed.id, status="running")).status_code == 204
    assert (await fetch(served, device)).json["order"] == answer["order"]
    done = await tell(served, device, signed.id, status="failed", output="no room", exitCode=1)
    assert done.status_code == 204
    assert (await fetch(served, device)).status_code == 204
    assert (await tell(served, device, signed.id, status="succeeded")).status_code == 204
    view = (await listed(served, device))[0]
    told = {name: view[name] for name in ("id", "status", "output", "exitCode", "createdBy")}
    assert told == {
        "id": signed.id, "status": "failed", "output": "no room", "exitCode": 1,
        "createdBy": "admin",
    }  # fmt: skip
    assert "token" not in view
    events = (await served.call("GET", f"/api/v1/devices/{device.uuid}/events")).json["items"]
    types = [(one["type"], one["severity"]) for one in events[:3]]
    assert types == [
        ("upgrade_failed", "error"), ("upgrade_running", "info"), ("upgrade_ordered", "info"),
    ]  # fmt: skip
    rows = await served.rows("SELECT actor FROM audit_log WHERE action = 'upgrade_ordered'")
    assert rows == [("admin",)]


async def test_a_new_order_takes_the_place_of_an_open_one(served: Any) -> None:
    device = await served.registered()
    await order(served, device)
    await order(served, device, allowDowngrade=True)
    signed = await verified(served, device, (await fetch(served, device)).json["order"])
    assert (signed.counter, signed.allow_downgrade) == (2, True)
    assert [one["status"] for one in await listed(served, device)] == ["waiting", "canceled"]


async def test_orders_at_the_same_moment_have_numbers_of_their_own(served: Any) -> None:
    device = await served.registered()
    answers = await asyncio.gather(*(order(served, device) for _ in range(8)))
    assert sorted(one.json["counter"] for one in answers) == list(range(1, 9))
    assert [one["status"] for one in await listed(served, device)].count("waiting") == 1


async def test_what_was_overtaken_is_signed_anew(served: Any) -> None:
    """As after a restore of the database: the device has taken a later number."""
    device = await served.registered()
    first = (await order(served, device)).json
    await served.rows("UPDATE order_counters SET counter = 7, taken = 7 RETURNING 1")
    signed = await verified(served, device, (await fetch(served, device)).json["order"])
    assert (signed.id, signed.counter) == (first["id"], 8)
    await tell(served, device, signed.id, status="running")
    again = await verified(served, device, (await fetch(served, device)).json["order"])
    assert again.counter == 8, "what the device has taken stays as it is"


async def test_another_registration_voids_an_order(served: Any) -> None:
    device = await served.registered()
    await order(served, device)
    soon = served.clock.now() + timedelta(hours=1)
    key = await served.provisioning_key()
    await served.call(
        "PATCH", f"/api/v1/devices/{device.uuid}", {"reregisterUntil": soon.isoformat()}
    )
    again = await served.register(device, key)
    assert again.status_code == 200, again.text
    assert (await fetch(served, device)).status_code == 204
    assert [one["status"] for one in await listed(served, device)] == ["void"]


async def test_what_is_not_done_in_time_is_over(served: Any) -> None:
    device = await served.registered()
    await order(served, device)
    served.clock.advance(timedelta(days=30))
    assert (await fetch(served, device)).status_code == 204
    assert [one["status"] for one in await listed(served, device)] == ["timed_out"]


async def test_what_is_refused(served: Any) -> None:
    device, other = await served.registered(), await served.registered()
    assert said(await order(served, device, version="9.9")) == (409, "conflict")
    assert said(await order(served, device, downgrade=True)) == (422, "invalid")
    assert said(await order(served, device, allowDowngrade="yes")) == (422, "invalid")
    assert said(await order(served, MemoryDevice())) == (404, "not_found")
    described = MemoryDevice()
    await served.call("POST", "/api/v1/devices", {"uuid": described.uuid, "name": "lamp"})
    assert said(await order(served, described)) == (409, "conflict")
    path = f"/api/v1/devices/{device.uuid}/upgrade"
    scopes = ["read", "devices", "target-states", "overrides"]
    answer = await served.call("POST", path, {"version": VERSION}, scope=scopes)
    assert answer.status_code == 403
    mine = (await order(served, device)).json["id"]
    assert said(await tell(served, other, mine, status="succeeded")) == (404, "not_found")
    assert said(await tell(served, device, mine, status="done")) == (422, "invalid")
    assert (await listed(served, device))[0]["status"] == "waiting"


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 201), ("admin", 201), ("manager", 403), ("operator", 403)]
)
async def test_persons_need_the_role_admin(served: Any, role: str, status: int) -> None:
    device, person = await served.registered(), await served.person(role)
    path = f"/api/v1/devices/{device.uuid}/upgrade"
    assert (await served.by(person, "POST", path, {"version": VERSION})).status_code == status


class TestSmallestPlan:
    """The plan starter has no upgrades by order."""

    @pytest.fixture
    def plan(self) -> str:
        return "starter"

    async def test_the_plan_must_have_it(self, served: Any) -> None:
        device = await served.registered()
        assert said(await order(served, device)) == (403, "feature_not_in_plan")
        assert (await fetch(served, device)).status_code == 204
