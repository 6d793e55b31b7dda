"""Every field of a service that can be written is named when it changes."""

from dataclasses import fields, replace

import pytest

from iotistic_agent.explaining import Difference, config_fields, differences, noted_fields
from iotistic_contract.codec import b64u_encode
from iotistic_contract.device_target import read_target
from iotistic_contract.planning.container_body import Device
from iotistic_contract.planning.container_target import HostPaths, target_from
from iotistic_contract.planning.containers import Container, EngineState, WantedContainer, World
from iotistic_contract.planning.policy import Policy
from iotistic_contract.target_state import ServiceConfig, ServiceState

DEVICE = Device(uuid="6f9d2f3e-0000-4000-8000-000000000001")
PERMITTED = Policy(
    privileged=True,
    devices=("/dev/ttyUSB0",),
    cap_add=("NET_ADMIN",),
    host_network=True,
    bind_mounts=("/srv",),
)
SECRET = {
    "hmac": b64u_encode(b"h" * 32),
    "ephemeralPublicKey": b64u_encode(b"e" * 32),
    "nonce": b64u_encode(b"n" * 12),
    "ciphertext": b64u_encode(b"c" * 20),
}


def wanted(image: str = "red:1", **config) -> WantedContainer:
    service = {
        "serviceId": "s", "serviceName": "s", "imageName": image,
        "config": {"environment": {"ALWAYS": "1"}, **config},
    }  # fmt: skip
    apps = {"a": {"appId": "a", "appName": "a", "services": [service]}}
    reading = read_target({"schema": 1, "version": 1, "apps": apps})
    target = target_from(reading, DEVICE, PERMITTED, HostPaths())
    assert not target.refused, target.refused
    return target.containers[0]


CHANGES = [
    ({"environment": {"ALWAYS": "2"}}, ["environment.ALWAYS"]),
    ({"environment": {}}, ["environment.ALWAYS"]),
    ({"secrets": {"KEY": SECRET}}, ["secrets.KEY"]),
    ({"ports": ["8080:80"]}, ["ports"]),
    ({"ports": ["8080:80/udp"]}, ["ports"]),
    ({"volumes": ["data:/data:ro"]}, ["volumes"]),
    ({"networks": ["field"]}, ["networks"]),
    ({"networkMode": "none"}, ["networkMode", "networks"]),
    ({"restart": "always"}, ["restart"]),
    ({"labels": {"x": "y"}}, ["labels.x"]),
    ({"command": ["a"]}, ["command"]),
    ({"entrypoint": ["a"]}, ["entrypoint"]),
    ({"user": "1000"}, ["user"]),
    ({"workingDir": "/srv"}, ["workingDir"]),
    ({"hostname": "pump"}, ["hostname"]),
    ({"devices": ["/dev/ttyUSB0"]}, ["devices"]),
    ({"capAdd": ["NET_ADMIN"]}, ["capAdd"]),
    ({"capDrop": ["CHOWN"]}, ["capDrop"]),
    ({"privileged": True}, ["privileged"]),
    ({"readOnly": True}, ["readOnly"]),
    ({"tmpfs": ["/scratch"]}, ["tmpfs"]),
    ({"extraHosts": ["pump:192.0.2.1"]}, ["extraHosts"]),
    ({"dns": ["192.0.2.1"]}, ["dns"]),
    ({"logging": {"driver": "json-file", "options": {"max-size": "1m"}}}, ["logging"]),
    ({"stopSignal": "SIGINT"}, ["stopSignal"]),
    ({"stopGracePeriod": "3s"}, ["stopGracePeriod"]),
    ({"resources": {"limits": {"cpu": "0.5"}}}, ["resources.limits.cpu"]),
    ({"resources": {"limits": {"memory": "64Mi"}}}, ["resources.limits.memory"]),
    ({"resources": {"requests": {"cpu": "0.5"}}}, ["resources.requests.cpu"]),
    ({"resources": {"requests": {"memory": "64Mi"}}}, ["resources.requests.memory"]),
    ({"healthcheck": {"test": ["CMD", "true"]}}, ["healthcheck"]),
]
NOT_OF_THE_CONTAINER = {"depends_on", "liveness_probe", "readiness_probe", "startup_probe", "extra"}


def found(of: WantedContainer, **change) -> Container:
    made = Container(
        id="c1",
        name=of.name,
        service_id="s",
        config_hash=of.config_hash,
        image_id="sha256:1",
        state=EngineState.RUNNING,
        networks=dict.fromkeys(of.networks, "n1"),
    )
    return replace(made, **change)


def world(container: Container | None, of: WantedContainer) -> World:
    return World(
        containers=() if container is None else (container,),
        images={of.image: "sha256:1"},
        networks=dict.fromkeys(of.networks, "n1"),
    )


@pytest.mark.parametrize(("change", "names"), CHANGES, ids=lambda value: str(value)[:40])
def test_a_changed_field_is_named_and_no_other(change, names):
    old, new = wanted(), wanted(**change)
    assert old.config_hash != new.config_hash, "else nothing would be made anew"
    shown = differences(world(found(old), new), new, config_fields(old))
    assert [each.field for each in shown] == names


def test_all_fields_are_in_the_table():
    changed = {name.partition(".")[0] for change, _ in CHANGES for name in change}
    written = {field.name for field in fields(ServiceConfig)} - NOT_OF_THE_CONTAINER
    camel = {"".join(w.title() if i else w for i, w in enumerate(n.split("_"))) for n in written}
    assert changed == camel


def test_what_is_as_wanted_has_no_differences():
    of = wanted()
    assert differences(world(found(of), of), of, config_fields(of)) == []


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        (
            {"state": EngineState.EXITED, "exit_code": 3},
            "state",
            "exited with code 3, wanted running",
        ),
        ({"state": EngineState.DEAD}, "state", "dead: a new container is needed"),
        ({"image_id": "sha256:0"}, "imageName", "red:1 is 1 by now, not 0"),
        ({"networks": {}}, "network", "another one than it was made for"),
        ({"name": "old"}, "name", "another one than it was made for"),
        ({"config_hash": "h"}, "config", "an earlier agent made it and noted no fields"),
    ],
)
def test_other_reasons(change, field, words):
    of = wanted()
    [shown] = differences(world(found(of, **change), of), of, None)
    assert shown.field == field
    assert words in shown.detail


def test_a_missing_container_and_a_stopped_service():
    of = wanted()
    assert differences(world(None, of), of, None) == [Difference("container", "there is none")]
    stopped = replace(of, state=ServiceState.STOPPED)
    [shown] = differences(world(found(of), of), stopped, None)
    assert shown == Difference("state", "running, wanted stopped")


@pytest.mark.parametrize("label", ["", "[]", "no JSON"])
def test_a_label_that_isnt_ours_notes_nothing(label):
    assert noted_fields({"iotistic.config-fields": label}) is None
    assert noted_fields({}) is None
