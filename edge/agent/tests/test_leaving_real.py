"""Deprovisioning and factory reset: on a real engine, cut anywhere, and from the command line."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from edge.agent.tests.device import app, applied
from edge.agent.tests.pulling import Pulling
from edge.agent.tests.test_iotctl_real import ask, iotctl
from edge.agent.tests.test_store import TARGET
from iotistic_agent import leaving
from iotistic_agent.adapters.erasing import Erasing
from iotistic_agent.adapters.keys import device_keys
from iotistic_agent.adapters.store import Store
from iotistic_agent.departure import MARKER, Departures, Leave
from iotistic_agent.provisioning import Identity, register
from iotistic_agent.settings import Settings
from iotistic_contract.codec import b64u_decode
from iotistic_contract.provisioning import release_signed_bytes
from iotistic_pki.keys import public_der
from iotistic_pki.provisioning import stored_device_key, verifies
from tests.fixtures.images import Writer, busybox_layer, layer

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]
IMAGE = "a-device-of-its-own"


class PowerCut(BaseException):
    """The machine is off."""


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Site:
    """A registered device's folder and objects, with another device's beside them."""

    settings: Settings
    uuid: str
    host: Any
    image: str

    def departures(self) -> Departures:
        return Departures(self.settings.state_dir)

    async def leave(self) -> Settings:
        return await leaving.leave(self.departures(), self.settings, now, lambda: 0.5)

    def objects(self, uuid: str) -> dict[str, list[str]]:
        named = {
            "container": ("ps", "-aq"),
            "network": ("network", "ls", "-q"),
            "volume": ("volume", "ls", "-q"),
        }
        label = ("--filter", f"label=iotistic.device={uuid}")
        return {kind: self.host.docker(*words, *label).split() for kind, words in named.items()}

    def make(self, uuid: str) -> None:
        label = ("--label", f"iotistic.device={uuid}")
        name = f"iot-{uuid[:8]}-x"
        self.host.docker("network", "create", *label, name)
        self.host.docker("volume", "create", *label, name)
        self.host.docker(
            "run", "-d", *label, "--name", name, "--network", name, "-v", f"{name}:/data",
            self.image if uuid == self.uuid else self.busybox, "sleep", "600",
        )  # fmt: skip

    @property
    def busybox(self) -> str:
        return self.image.replace(f"-{IMAGE}", "")


@pytest.fixture
def site(docker_engine, tenant, tmp_path: Path, busybox: str) -> Iterator[Site]:
    uuid, other = str(uuid4()), str(uuid4())
    state, key_file = tmp_path / "state", tmp_path / "string"
    state.mkdir()
    key_file.write_text(str(tenant.string()))
    settings = Settings(
        state_dir=state,
        engine_socket=docker_engine.socket,
        policy_file=tmp_path / "none",
        provisioning=tenant.string(),
        provisioning_file=key_file,
    )
    with closing(Store.open(state / "device.sqlite", now)) as store:
        store.identity.uuid(uuid, str)
        keys = device_keys(state / "keys")
        store.identity.register(register(tenant.string(), Identity(uuid=uuid), keys, settings))
        store.targets.keep(replace(TARGET, document={"apps": app(busybox, one={})}))
        store.targets.commit(TARGET.etag, {})
    repository, _, tag = busybox.rpartition(":")
    image = f"{repository}-{IMAGE}:{tag}"
    docker_engine.docker("pull", "-q", busybox)
    docker_engine.docker("tag", busybox, image)
    made = Site(settings, uuid, docker_engine, image)
    made.make(uuid)
    made.make(other)
    yield made
    for each in (uuid, other):
        Erasing(docker_engine.socket, each).remove_objects()


STEPS = [
    ("_release", "after"),
    ("images", "after"),
    ("remove_objects", "before"),
    ("remove_objects", "after"),
    ("remove_images", "after"),
    ("_remove", "before"),
    ("_remove", "after"),
    ("_erase", "before"),
    ("_erase", "after"),
    ("_erase_files", "after"),
    ("done", "before"),
]


def cut_at(monkeypatch: pytest.MonkeyPatch, name: str, moment: str) -> None:
    """Let the power go at a moment of the reset."""
    where: Any = Erasing if hasattr(Erasing, name) else leaving
    where = Departures if name == "done" else where
    does = getattr(where, name)

    def cut(*parts: Any, **more: Any) -> Any:
        if moment == "before":
            raise PowerCut
        does(*parts, **more)
        raise PowerCut

    async def cut_later(*parts: Any) -> Any:
        await does(*parts)
        raise PowerCut

    monkeypatch.setattr(where, name, cut_later if name == "_release" else cut)


@pytest.mark.parametrize(("name", "moment"), STEPS)
async def test_a_reset_cut_anywhere_ends_with_nothing_left(site, tenant, monkeypatch, name, moment):
    registered, key = tenant.registered[0], device_keys(site.settings.state_dir / "keys").signing
    other = site.host.docker("ps", "-q")
    site.departures().begin(Leave.FACTORY_RESET, site.uuid)
    with monkeypatch.context() as patch:
        cut_at(patch, name, moment)
        with pytest.raises(PowerCut):
            await site.leave()
    assert (await site.leave()).provisioning is None
    assert site.objects(site.uuid) == {"container": [], "network": [], "volume": []}
    assert len(site.host.docker("ps", "-q").split()) == len(other.split()) - 1
    assert IMAGE not in site.host.docker("images", "--format", "{{.Repository}}")
    assert site.busybox in site.host.docker("images", "--format", "{{.Repository}}:{{.Tag}}")
    assert list(site.settings.state_dir.iterdir()) == []
    assert not site.settings.provisioning_file.exists()
    message = release_signed_bytes(registered.device_uuid, tenant.registration_id)
    for body in tenant.released:
        signature = b64u_decode(body["signature"])
        assert verifies(stored_device_key(public_der(key)), signature, message)
    assert 1 <= len(tenant.released) <= 2


async def test_a_reset_removes_what_a_release_brought_that_was_left(site, registry):
    writer = Writer(registry.address)
    pulling = Pulling(site.host, site.settings.state_dir / "images")
    left = writer.image("test/left", busybox_layer(), layer({"f": b"left"}))
    pulling.pull(f"{left.reference.rpartition(':')[0]}@{left.digest}")
    (brought,) = pulling.table.all().values()
    site.departures().begin(Leave.FACTORY_RESET, site.uuid)
    await site.leave()
    assert pulling.images.find(brought.id) is None


async def test_a_reset_goes_on_when_nobody_hears_the_release(site, tenant):
    tenant.force(f"/api/v1/device/{site.uuid}/release", 401, "unauthorized")
    site.departures().begin(Leave.FACTORY_RESET, site.uuid)
    await site.leave()
    assert tenant.released == []
    assert list(site.settings.state_dir.iterdir()) == []


async def test_deprovisioning_keeps_uuid_and_key_and_sends_nothing(site, tenant, monkeypatch):
    sent = len(tenant.requests)
    site.departures().begin(Leave.DEPROVISION, site.uuid)
    with monkeypatch.context() as patch:
        cut_at(patch, "done", "before")
        with pytest.raises(PowerCut):
            await site.leave()
    await site.leave()
    assert len(tenant.requests) == sent
    with closing(Store.open(site.settings.state_dir / "device.sqlite", now)) as store:
        assert store.identity.uuid(None, str) == site.uuid
        assert store.identity.registration() is None
        (key,) = store._database.row("SELECT deviceApiKey FROM device")
        assert key.startswith("sealed:")
        assert store.targets.wanted() is not None
    assert len(site.objects(site.uuid)["container"]) == 1
    assert not (site.settings.state_dir / MARKER).exists()


def test_a_reset_that_was_begun_is_not_made_less(tmp_path):
    departures = Departures(tmp_path)
    departures.begin(Leave.DEPROVISION, "u")
    departures.begin(Leave.FACTORY_RESET, "u")
    departures.keep(replace(departures.current(), released=True))
    departures.begin(Leave.DEPROVISION, "u")
    assert (departures.current().leave, departures.current().released) == ("factory_reset", True)


def test_from_the_command_line_deprovisioned_then_registered_anew(device, tenant, busybox):
    tenant.set_apps(app(busybox, one={}), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    before = device.containers()
    for path in ("/v2/deprovision", "/v2/factory-reset"):
        for body in (b'{"confirm": "yes"}', b"{}", b"[]", b'{"confirm": "yes", "more": 1}'):
            assert ask(device, path, "POST", body)[0] == 422
    unasked = iotctl(device, "deprovision")
    assert (unasked.returncode, "--yes" in unasked.stderr) == (2, True)
    done = iotctl(device, "deprovision", "--yes")
    assert done.returncode == 0, done.stderr
    assert "waiting for key" in done.stdout
    device.kill()
    device.start()  # the string in its settings is the one that it was registered with
    while (status := iotctl(device, "provision", "status").returncode) == 3:
        pass
    assert status == 6, "not registered"
    assert device.containers() == before, "containers go on"
    tenant.sections.clear()
    string = str(tenant.string())
    assert iotctl(device, "provision", stdin=string).returncode == 0
    tenant.wait_for(lambda: applied(tenant, 1))
    assert [each.device_uuid for each in tenant.registered] == [device.uuid] * 2
    assert device.containers() == before


def test_from_the_command_line_reset_to_a_device_that_knows_nothing(device, tenant, busybox):
    tenant.set_apps(app(busybox, one={}), 1)
    device.start(DEVICE_UUID="")
    tenant.wait_for(lambda: applied(tenant, 1))
    device.uuid = tenant.registered[0].device_uuid
    assert device.states() == {"one": "running"}
    key = (device.folder / "state/keys/device.key").read_bytes()
    done = iotctl(device, "factory-reset", "--yes")
    assert done.returncode == 0, done.stderr
    assert "waiting for key" in done.stdout
    assert device.containers() == {}
    assert len(tenant.released) == 1
    assert (device.folder / "state/keys/device.key").read_bytes() != key
    assert (device.folder / "state/uuid").read_text() != device.uuid
    assert not device.key_file.exists()
    found = iotctl(device, "logs")
    assert found.returncode == 0
    assert device.uuid not in found.stdout, "what it was is in no log"
    assert device.stop() == 0


def test_nothing_starts_before_registration_where_that_is_required(device, tenant, busybox):
    tenant.set_apps(app(busybox, one={}), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    assert iotctl(device, "deprovision", "--yes").returncode == 0
    device.kill()
    device.host.docker("rm", "-f", device.name("one"))
    device.start(REQUIRE_PROVISIONING="true")
    while iotctl(device, "provision", "status").returncode == 3:
        pass
    assert device.containers() == {}
    assert not [line for line in device.log()[-4:] if line["event"] == "step_done"]
    assert iotctl(device, "provision", stdin=str(tenant.string())).returncode == 0
    device.settles(one="running")
