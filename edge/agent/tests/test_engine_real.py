"""The adapter and the planner together, on a real engine."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest

from edge.agent.tests.pulling import Pulling
from iotistic_agent.adapters.engine import DockerEngine
from iotistic_agent.faults import EngineFault
from iotistic_contract.device_target import read_target
from iotistic_contract.planning.container_body import Device
from iotistic_contract.planning.container_target import HostPaths, target_from
from iotistic_contract.planning.containers import EngineState, PullImage, Step, Target, plan
from iotistic_contract.planning.policy import DENY_ALL, Policy
from tests.fixtures.images import Writer, busybox_layer, layer

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

ALLOWED = Policy(cap_add=("NET_ADMIN",), bind_mounts=("/srv",), devices=("/dev/null",))


class Bench:
    """One device's engine, driven by hand."""

    def __init__(self, host, image: str, folder: Path) -> None:
        self.host = host
        self.image = image
        self.device = Device(uuid=str(uuid4()), site="testsite", address="127.77.5.128")
        self.pulling = Pulling(host, folder)
        self.engine = DockerEngine(host.socket, self.device, lambda wanted: {}, self.pulling.table)

    def target(self, policy: Policy = DENY_ALL, **services: dict) -> Target:
        listed = [
            {"serviceId": name, "serviceName": name, "imageName": self.image, **service}
            for name, service in services.items()
        ]
        apps = {"app": {"appId": "app", "appName": "app", "services": listed}}
        document = {"schema": 1, "version": 1, "apps": apps}
        host = HostPaths(engine_sockets=(str(self.host.socket),))
        return target_from(read_target(document), self.device, policy, host)

    def settle(self, target: Target) -> list[Step]:
        """Observe, plan, do the first step; until nothing is left."""
        done: list[Step] = []
        while steps := plan(self.world(target), target).steps:
            assert len(done) < 60, done
            done.append(steps[0])
            if isinstance(steps[0], PullImage):
                self.pulling.pull(steps[0].image)
            else:
                name = getattr(steps[0], "name", None)
                wanted = next((w for w in target.containers if w.name == name), None)
                self.engine.carry_out(steps[0], wanted)
        return done

    def world(self, target: Target):
        return self.engine.observe([each.image for each in target.containers])

    def states(self, target: Target) -> dict[str, tuple[str, str]]:
        return {e.service_id: (e.id, str(e.state)) for e in self.world(target).containers}

    def name(self, service: str) -> str:
        return f"iot-{self.device.uuid[:8]}-app-{service}"


@pytest.fixture
def bench(docker_engine, busybox, tmp_path) -> Iterator[Bench]:
    made = Bench(docker_engine, busybox, tmp_path)
    yield made
    made.settle(Target())
    for volume in made.world(Target()).volumes:
        docker_engine.docker("volume", "rm", volume)


def test_each_state_is_reached_from_each_other_and_the_container_stays(bench):
    words = {"running": "running", "stopped": "exited", "paused": "paused"}
    bench.settle(bench.target(one={"state": "running"}))
    first = bench.states(Target())["one"][0]
    order = ["stopped", "running", "paused", "running", "stopped", "paused", "stopped"]
    for state in order:
        target = bench.target(one={"state": state})
        assert bench.settle(target)
        assert bench.states(target) == {"one": (first, words[state])}
        assert not plan(bench.world(target), target).changed


def test_first_seen_stopped_or_paused_is_created_so(bench):
    target = bench.target(still={"state": "stopped"}, frozen={"state": "paused"})
    bench.settle(target)
    states = {key: state for key, (_, state) in bench.states(target).items()}
    assert states == {"still": "created", "frozen": "paused"}


def test_every_field_gives_an_empty_second_plan(bench):
    config = {
        "environment": {"B": "2", "A": "1=x"},
        "ports": ["18080:80", "127.77.5.129:18081:81/udp"],
        "volumes": ["data:/data", "data:/again:ro", "/srv:/host:ro"],
        "networks": ["front", "back"],
        "restart": "on-failure:3",
        "labels": {"z": "1", "a": "2"},
        "command": ["sleep", "1000"],
        "entrypoint": ["/bin/busybox"],
        "user": "1000:1000",
        "workingDir": "/bin",
        "hostname": "box",
        "devices": ["/dev/null:/dev/null2:r"],
        "capAdd": ["NET_ADMIN"],
        "capDrop": ["CHOWN"],
        "readOnly": True,
        "tmpfs": ["/run:size=1m", "/scratch"],
        "extraHosts": ["db:127.0.0.1"],
        "dns": ["127.0.0.53"],
        "logging": {"driver": "json-file", "options": {"max-size": "1m"}},
        "stopSignal": "SIGKILL",
        "stopGracePeriod": "3s",
        "resources": {"limits": {"cpu": "500m", "memory": "64Mi"}, "requests": {"cpu": "0.1"}},
        "healthcheck": {"test": ["CMD", "/bin/busybox", "true"], "interval": "1s", "retries": 2},
    }
    target = bench.target(ALLOWED, full={"config": config})
    assert not target.refused
    bench.settle(target)
    assert not plan(bench.world(target), target).changed
    ports = bench.host.docker("port", bench.name("full")).splitlines()
    assert sorted(ports) == ["80/tcp -> 127.77.5.128:18080", "81/udp -> 127.77.5.129:18081"]
    changed = bench.target(ALLOWED, full={"config": {**config, "environment": {"A": "1=x"}}})
    before = bench.states(target)["full"][0]
    bench.settle(changed)
    assert bench.states(changed)["full"][0] != before, "a variable that is gone is drift"
    assert bench.world(changed).volumes == {bench.name("data")}


def test_a_link_that_a_container_makes_leads_nowhere(bench, tmp_path):
    """The engine follows it, as the first half shows; so nothing below a folder is mounted."""
    shared, secret = tmp_path / "shared", tmp_path / "secret"
    shared.mkdir()
    secret.mkdir()
    (secret / "key").write_text("the host's own")
    policy = Policy(bind_mounts=(str(shared),))
    link = {
        "volumes": [f"{shared}:/shared"],
        "command": ["sh", "-c", f"ln -s {secret} /shared/out; sleep 1000"],
    }
    target = bench.target(policy, writer={"config": link})
    bench.settle(target)
    deadline = time.monotonic() + 20
    while not (shared / "out").is_symlink():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    out = ["--volume", f"{shared}/out:/o", "--network", "none", bench.image, "cat", "/o/key"]
    assert bench.host.docker("run", "--rm", *out) == "the host's own"

    reader = {"volumes": [f"{shared}/out:/o"], "command": ["sleep", "1000"]}
    target = bench.target(policy, writer={"config": link}, reader={"config": reader})
    bench.settle(target)

    assert [(each.service_id, each.type) for each in target.refused] == [("reader", "policy")]
    assert bench.states(target).keys() == {"writer"}


def test_services_that_name_no_network_share_their_apps_own(bench):
    target = bench.target(one={}, two={"config": {"networkMode": "none"}})
    bench.settle(target)
    world = bench.world(target)
    assert world.networks.keys() == {bench.name("default")}
    bench.settle(Target())
    assert not bench.world(Target()).networks, "an unused network goes"


def test_drift_by_hand_is_repaired(bench):
    target = bench.target(run={}, still={"state": "stopped"}, frozen={"state": "paused"})
    bench.settle(target)
    before = bench.states(target)
    hands = [
        ("rm", "-f", "run"),
        ("pause", "run"),
        ("stop", "-t0", "run"),
        ("start", "still"),
        ("unpause", "frozen"),
    ]
    for *words, service in hands:
        bench.host.docker(*words, bench.name(service))
        assert bench.settle(target), words
        assert not plan(bench.world(target), target).changed
    after = bench.states(target)
    assert after["frozen"] == before["frozen"]
    assert after["run"][1] == "running"
    assert after["run"][0] != before["run"][0], "only rm -f makes a new one"


def test_an_image_that_cannot_be_had_says_so(bench, registry):
    missing = registry.reference("test/nothing:9")
    with pytest.raises(EngineFault) as caught:
        bench.pulling.pull(missing)
    assert caught.value.type == "pull"
    assert "has no test/nothing:9" in str(caught.value)


def test_an_image_by_digest_is_found_run_and_reported(bench, registry):
    pushed = Writer(registry.address).image("test/exact", busybox_layer())
    bench.image = pushed.by_digest
    target = bench.target(one={})
    assert any(isinstance(step, PullImage) for step in bench.settle(target))
    world = bench.world(target)
    assert world.images == {pushed.by_digest: pushed.config}
    assert world.digests == {pushed.config: pushed.digest}
    assert world.containers[0].image_id == pushed.config
    assert not plan(world, target).changed


def test_an_image_by_digest_that_is_gone_comes_again(bench, registry):
    pushed = Writer(registry.address).image("test/gone", busybox_layer(), layer({"x": b"y"}))
    bench.image = pushed.by_digest
    bench.settle(bench.target(one={}))
    bench.settle(Target())
    bench.host.docker("rmi", "--force", pushed.config)
    target = bench.target(one={})
    assert any(isinstance(step, PullImage) for step in bench.settle(target))


def test_a_network_made_anew_is_drift(bench):
    target = bench.target(one={})
    bench.settle(target)
    name, network = bench.name("one"), bench.name("default")
    bench.host.docker("network", "disconnect", network, name)
    assert bench.settle(target)
    assert not plan(bench.world(target), target).changed
    assert network in bench.world(target).containers[0].networks


def test_who_shares_a_network_follows_the_one_that_has_it(bench):
    target = bench.target(guest={"config": {"networkMode": "service:host"}}, host={})
    bench.settle(target)
    before = bench.states(target)
    assert {state for _, state in before.values()} == {"running"}
    bench.host.docker("rm", "-f", bench.name("host"))
    bench.settle(target)
    after = bench.states(target)
    assert {state for _, state in after.values()} == {"running"}
    assert after["guest"][0] != before["guest"][0]
    assert not plan(bench.world(target), target).changed


def test_a_device_sees_only_its_own(bench):
    other = Bench(bench.host, bench.image, bench.pulling.folder)
    bench.settle(bench.target(one={}))
    other.settle(other.target(one={}))
    assert len(bench.world(Target()).containers) == 1
    other.settle(Target())
    assert bench.world(Target()).containers[0].state is EngineState.RUNNING


def test_events_tell_of_this_device_alone(bench):
    collected: list[str] = []

    def listen() -> None:
        for action in bench.engine.events():
            collected.extend([action])

    Thread(target=listen, daemon=True).start()
    time.sleep(0.3)
    bench.settle(bench.target(one={}))
    bench.host.docker("pause", bench.name("one"))
    time.sleep(0.3)
    assert collected == ["create", "start", "pause"]


def test_a_command_that_hangs_is_begun_once(bench):
    target = bench.target(one={"config": {"command": ["busybox", "sleep", "600"]}})
    bench.settle(target)
    ((container, _),) = bench.states(target).values()
    hangs = ("busybox", "sleep", "77")
    quiet = ("busybox", "sh", "-c", "exec >&- 2>&-; busybox sleep 77")
    before = "the one before hasn't ended yet"
    for command in (hangs, quiet):
        for why in ("no end|no answer", before, before):
            with pytest.raises(EngineFault, match=why):
                bench.engine.execute(container, command, 0.5)
    running = bench.host.docker("top", container).splitlines()
    assert sum(line.endswith("  busybox sleep 77") for line in running) == 2
    assert bench.engine.execute(container, ("busybox", "sh", "-c", "exit 3"), 5.0) == 3
    assert bench.engine.execute(container, ("busybox", "true"), 5.0) == 0
