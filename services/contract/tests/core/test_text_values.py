from __future__ import annotations

import pytest

from iotistic_contract.errors import ContractError
from iotistic_contract.ids import check_count, new_customer_id, short_id
from iotistic_contract.images import Image
from iotistic_contract.ports import Port
from iotistic_contract.quantities import Cpu, Duration, Memory
from iotistic_contract.schema import spoken
from iotistic_contract.secret import Secret
from iotistic_contract.volumes import Volume


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("nginx", "docker.io", "library/nginx", "latest", None),
        ("a/b:1", "docker.io", "a/b", "1", None),
        ("localhost/b", "localhost", "b", "latest", None),
        ("127.77.0.4:5000/demo/web:1.2", "127.77.0.4:5000", "demo/web", "1.2", None),
        ("r.example/a@sha256:" + "0" * 64, "r.example", "a", None, "sha256:" + "0" * 64),
        ("r.example/a:2@sha256:" + "0" * 64, "r.example", "a", "2", "sha256:" + "0" * 64),
        ("index.docker.io/x", "docker.io", "library/x", "latest", None),
    ],
)
def test_images(text: str, registry: str, repository: str, tag: str, digest: str) -> None:
    image = Image(registry=registry, repository=repository, tag=tag, digest=digest)
    assert Image.parse(text) == image
    assert Image.parse(str(image)) == image


@pytest.mark.parametrize(
    ("text", "milliseconds", "written"),
    [
        ("90s", 90_000, "1m30s"),
        ("1m30s", 90_000, "1m30s"),
        ("1.5s", 1500, "1s500ms"),
        ("0s", 0, "0s"),
        ("24h", 86_400_000, "24h"),
        ("1h0m1ms", 3_600_001, "1h1ms"),
    ],
)
def test_durations(text: str, milliseconds: int, written: str) -> None:
    assert Duration.from_wire(text) == Duration(milliseconds)
    assert Duration(milliseconds).to_wire() == written
    assert Duration.from_wire(written) == Duration(milliseconds)


@pytest.mark.parametrize(
    ("value", "millicores", "written"),
    [("0.5", 500, "500m"), (0.5, 500, "500m"), (2, 2000, "2"), ("1500m", 1500, "1500m")],
)
def test_cores(value: object, millicores: int, written: str) -> None:
    assert Cpu.from_wire(value) == Cpu(millicores)
    assert Cpu(millicores).to_wire() == written


@pytest.mark.parametrize(
    ("value", "octets", "written"),
    [
        ("128Mi", 2**27, "128Mi"),
        ("1024Ki", 2**20, "1Mi"),
        ("1.5G", 1_500_000_000, "1500M"),
        (65536, 65536, "64Ki"),
        ("10k", 10_000, "10K"),
        ("7", 7, "7"),
        ("7B", 7, "7"),
    ],
)
def test_memory(value: object, octets: int, written: str) -> None:
    assert Memory.from_wire(value) == Memory(octets)
    assert Memory(octets).to_wire() == written
    assert Memory.from_wire(written) == Memory(octets)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("8080:80", "8080:80"),
        ("8080:80/tcp", "8080:80"),
        ("53:53/udp", "53:53/udp"),
        ("127.0.0.1:1:2", "127.0.0.1:1:2"),
        ("[0:0:0::1]:1:2/udp", "[::1]:1:2/udp"),
    ],
)
def test_ports(text: str, written: str) -> None:
    assert Port.from_wire(text).to_wire() == written
    assert Port.from_wire(written) == Port.from_wire(text)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("80:80", "80:81", True),
        ("80:80", "81:80", False),
        ("80:80", "80:80/udp", False),
        ("127.0.0.1:80:80", "127.0.0.1:80:81", True),
        ("127.0.0.1:80:80", "127.0.0.2:80:80", False),
        ("127.0.0.1:80:80", "80:80", True),
        ("0.0.0.0:80:80", "127.0.0.2:80:80", True),
        ("[::]:80:80", "127.0.0.2:80:80", True),
    ],
)
def test_ports_meet_when_the_engine_could_not_publish_both(
    one: str, other: str, meet: bool
) -> None:
    ports = Port.from_wire(one), Port.from_wire(other)
    assert (ports[0].meets(ports[1]), ports[1].meets(ports[0])) == (meet, meet)


@pytest.mark.parametrize(
    ("text", "volume", "bind"),
    [
        ("data:/srv", Volume(source="data", target="/srv"), False),
        ("data:/srv/:rw", Volume(source="data", target="/srv"), False),
        ("/etc/a:/b:ro", Volume(source="/etc/a", target="/b", read_only=True), True),
        ("/:/host:ro", Volume(source="/", target="/host", read_only=True), True),
    ],
)
def test_volumes(text: str, volume: Volume, bind: bool) -> None:
    assert Volume.from_wire(text) == volume
    assert volume.is_bind is bind
    assert Volume.from_wire(volume.to_wire()) == volume


def test_a_secret_shows_in_no_repr_and_compares_by_what_is_known() -> None:
    written, known = Secret(value="swordfish"), Secret(hmac="A" * 43)
    both = Secret(value="swordfish", hmac="A" * 43)
    assert "swordfish" not in repr(written)
    assert [
        written.same_as(both),
        known.same_as(both),
        known.same_as(written),
        written.same_as(Secret(value="other")),
        written.same_as(None),
        known.same_as(Secret(hmac="B" * 43)),
    ] == [True, True, False, False, False, False]


def test_a_refused_secret_is_not_repeated() -> None:
    with pytest.raises(ContractError) as raised:
        Secret.from_wire(8_472_913)
    assert "8472913" not in str(raised.value)


def test_short_ids_stay_text() -> None:
    assert short_id("cust_12345678" + "a" * 24) == "12345678"
    assert short_id("cust_1234e567" + "a" * 24) == "1234e567"
    assert new_customer_id(lambda count: bytes(range(count))) == f"cust_{bytes(range(16)).hex()}"


@pytest.mark.parametrize("number", [-1, 2**53, True, 1.0, "1"])
def test_counts(number: object) -> None:
    with pytest.raises(ContractError):
        check_count(number)  # type: ignore[arg-type]


def test_the_lower_schema_is_spoken() -> None:
    assert [spoken(None), spoken("1"), spoken("7"), spoken("2", own=3)] == [1, 1, 1, 2]
    for header in ("0", "-1", "x", "", "1.0", "\u0661"):
        with pytest.raises(ContractError):
            spoken(header)
