"""From a target document to containers: names, bodies, hashes, and what a policy denies."""

from typing import Any

import pytest

from iotistic_contract.codec import decode
from iotistic_contract.device_target import read_target
from iotistic_contract.errors import ContractError
from iotistic_contract.planning.container_target import Device, HostPaths, target_from
from iotistic_contract.planning.containers import Target, WantedContainer
from iotistic_contract.planning.policy import DENY_ALL, Policy

DEVICE = Device(
    uuid="0f8e3c1a-5a63-4c58-9a27-2f2f4b3a9d11", site="5a17e0ff", address="127.77.0.128"
)
HOST = HostPaths(engine_sockets=("/opt/e/d.sock",), own=("/var/lib/iotistic", "/etc/iotistic/p"))
SECRET = {"ephemeralPublicKey": "A" * 43, "nonce": "A" * 16, "ciphertext": "AAAA"}


def target(policy: Policy = DENY_ALL, device: Device = DEVICE, **config: Any) -> Target:
    service = {
        "serviceId": "s1",
        "serviceName": "web",
        "imageName": "127.77.0.4:5000/demo:1",
        "config": config,
    }
    apps = {"shop": {"appId": "shop", "appName": "Shop", "services": [service]}}
    return target_from(read_target({"version": 1, "apps": apps}), device, policy, HOST)


def wanted(**config: Any) -> WantedContainer:
    [only] = target(**config).containers
    return only


def test_the_least_there_is_to_say() -> None:
    only = wanted()
    assert only.name == "iot-0f8e3c1a-shop-web"
    assert only.networks == ("iot-0f8e3c1a-shop-default",)
    assert only.body == {
        "Image": "127.77.0.4:5000/demo:1",
        "Labels": {
            "iotistic.device": DEVICE.uuid,
            "iotistic.site": "5a17e0ff",
            "iotistic.app-id": "shop",
            "iotistic.service-id": "s1",
            "iotistic.service-name": "web",
        },
        "HostConfig": {
            "NetworkMode": "iot-0f8e3c1a-shop-default",
            "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
        },
    }


@pytest.mark.parametrize(
    ("config", "key", "expected"),
    [
        ({"environment": {"B": "2", "A": "1"}}, "Env", ["A=1", "B=2"]),
        ({"command": ["a", "b"]}, "Cmd", ["a", "b"]),
        ({"stopGracePeriod": "1500ms"}, "StopTimeout", 2),
        (
            {"healthcheck": {"test": ["CMD", "true"], "interval": "2s", "retries": 3}},
            "Healthcheck",
            {"Test": ["CMD", "true"], "Interval": 2_000_000_000, "Retries": 3},
        ),
    ],
)
def test_a_field_of_the_container(config: dict[str, Any], key: str, expected: object) -> None:
    assert wanted(**config).body[key] == expected


@pytest.mark.parametrize(
    ("config", "key", "expected"),
    [
        (
            {"ports": ["8080:80", "10.0.0.1:53:53/udp"]},
            "PortBindings",
            {
                "53/udp": [{"HostIp": "10.0.0.1", "HostPort": "53"}],
                "80/tcp": [{"HostIp": "127.77.0.128", "HostPort": "8080"}],
            },
        ),
        (
            {"volumes": ["data:/d:ro"]},
            "Mounts",
            [
                {
                    "Type": "volume",
                    "Source": "iot-0f8e3c1a-shop-data",
                    "Target": "/d",
                    "ReadOnly": True,
                }
            ],
        ),
        ({"resources": {"limits": {"cpu": "0.5"}}}, "NanoCpus", 500_000_000),
        ({"resources": {"limits": {"memory": "64Mi"}}}, "Memory", 64 * 2**20),
        ({"resources": {"requests": {"cpu": "1"}}}, "CpuShares", 1024),
        (
            {"restart": "on-failure:3"},
            "RestartPolicy",
            {"Name": "on-failure", "MaximumRetryCount": 3},
        ),
        ({"networkMode": "none"}, "NetworkMode", "none"),
        ({"tmpfs": ["/run:size=1m"]}, "Tmpfs", {"/run": "size=1m"}),
    ],
)
def test_a_field_of_the_host(config: dict[str, Any], key: str, expected: object) -> None:
    assert wanted(**config).body["HostConfig"][key] == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"environment": {"A": "1", "B": "2"}}, {"environment": {"B": "2", "A": "1"}}, True),
        ({"ports": ["1:1", "2:2"]}, {"ports": ["2:2", "1:1/tcp"]}, True),
        ({"volumes": ["a:/a", "b:/b"]}, {"volumes": ["b:/b", "a:/a:rw"]}, True),
        ({"capDrop": ["A_B", "C_D"]}, {"capDrop": ["C_D", "A_B"]}, True),
        (
            {"resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}},
            {"resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}}},
            True,
        ),
        ({}, {"restart": "unless-stopped"}, True),
        ({"environment": {"A": "1"}}, {}, False),
        ({"command": ["a", "b"]}, {"command": ["b", "a"]}, False),
        ({"volumes": ["a:/a"]}, {"volumes": ["a:/a:ro"]}, False),
        ({"ports": ["1:1"]}, {"ports": ["1:1/udp"]}, False),
        ({"labels": {"a": "1"}}, {}, False),
        (
            {"secrets": {"T": {**SECRET, "hmac": "A" * 43}}},
            {"secrets": {"T": {**SECRET, "ciphertext": "BBBB", "hmac": "A" * 43}}},
            True,
        ),
        (
            {"secrets": {"T": {**SECRET, "hmac": "A" * 43}}},
            {"secrets": {"T": {**SECRET, "hmac": "A" * 42 + "E"}}},
            False,
        ),
    ],
)
def test_the_hash_differs_when_the_container_would(
    one: dict[str, Any], other: dict[str, Any], *, same: bool
) -> None:
    assert (wanted(**one).config_hash == wanted(**other).config_hash) is same


def test_a_secret_stands_in_neither_body_nor_repr() -> None:
    only = wanted(secrets={"TOKEN": {**SECRET, "hmac": "A" * 43}})
    assert "TOKEN" not in str(only.body)
    assert SECRET["ephemeralPublicKey"] not in repr(only)


@pytest.mark.parametrize(
    ("config", "words", "allowing"),
    [
        ({"privileged": True}, "privileged", {"privileged": True}),
        ({"devices": ["/dev/ttyUSB0:/dev/x:rw"]}, "/dev/ttyUSB0", {"devices": ["/dev/ttyUSB0"]}),
        ({"capAdd": ["CAP_NET_ADMIN"]}, "capAdd", {"capAdd": ["NET_ADMIN"]}),
        ({"volumes": ["/srv/x:/x"]}, "/srv/x", {"bindMounts": ["/srv/x"]}),
        ({"networkMode": "host"}, "host", {"hostNetwork": True}),
        ({"networkMode": "container:x"}, "container:x", {"containerNetwork": True}),
        ({"logging": {"driver": "syslog"}}, "syslog", {"logDrivers": ["syslog"]}),
        (
            {"volumes": ["/var/run/docker.sock:/s"]},
            "docker.sock",
            {"engineSocket": True, "bindMounts": []},
        ),
    ],
)
def test_denied_by_default_and_allowed_by_the_file(
    config: dict[str, Any], words: str, allowing: dict[str, Any]
) -> None:
    denied = target(**config)
    assert not denied.containers
    [refusal] = denied.refused
    assert (refusal.service_id, refusal.type) == ("s1", "policy")
    assert words in refusal.message
    assert target(decode(Policy, allowing), **config).containers


@pytest.mark.parametrize("document", [{"privilged": True}, {"capAdd": "NET_ADMIN"}])
def test_a_policy_with_a_mistake_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        decode(Policy, document)


def test_what_cannot_be_read_is_refused_as_unsupported() -> None:
    [refusal] = target(restart="sometimes").refused
    assert refusal.type == "unsupported"
    assert "/config/restart" in refusal.message
