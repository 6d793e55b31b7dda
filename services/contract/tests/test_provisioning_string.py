"""The string that a person carries, and keys of the same form."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotistic_contract.codec import b64u_encode
from iotistic_contract.errors import ContractError
from iotistic_contract.provisioning import ApiKey, ProvisioningString, secret_hash

SECRET = b64u_encode(bytes(range(32)))
PIN = b64u_encode(bytes(range(100, 132)))


@pytest.mark.parametrize(
    ("text", "host", "port", "origin"),
    [
        (f"iotp1.k1.{SECRET}.{PIN}@api.example", "api.example", 443, "https://api.example"),
        (f"iotp1.k1.{SECRET}.{PIN}@127.77.0.16:3002", "127.77.0.16", 3002, None),
        (f"iotp1.k1.{SECRET}.{PIN}@[fd00::1]:8443", "fd00::1", 8443, "https://[fd00::1]:8443"),
        (f"iotp1.k1.{SECRET}.{PIN}@[fd00::1]", "fd00::1", 443, "https://[fd00::1]"),
        (f"iotp1.{'k' * 40}.{SECRET}.{PIN}@h:1", "h", 1, "https://h:1"),
        (f"iotp1.A-z_0.{SECRET}.{PIN}@h:65535", "h", 65535, "https://h:65535"),
    ],
)
def test_a_string_is_read_and_written(text: str, host: str, port: int, origin: str | None) -> None:
    read = ProvisioningString.parse(f" {text}\n")
    assert (read.host, read.port, read.secret, read.pin) == (host, port, SECRET, PIN)
    assert str(read) == text
    assert read.origin == (origin or f"https://{host}:{port}")


def test_the_pin_is_optional() -> None:
    read = ProvisioningString.parse(f"iotp1.k1.{SECRET}@api.example")
    assert read.pin is None
    assert str(read) == f"iotp1.k1.{SECRET}@api.example"


def test_the_payload_holds_key_without_pin_and_address() -> None:
    read = ProvisioningString.parse(f"iotp1.k1.{SECRET}.{PIN}@api.example:3002")
    assert str(read.key) == f"iotp1.k1.{SECRET}"
    assert read.key.hash == hashlib.sha256(SECRET.encode()).digest() == secret_hash(SECRET)


def test_a_default_port_is_left_out() -> None:
    assert str(ProvisioningString.parse(f"iotp1.k1.{SECRET}@h:443")) == f"iotp1.k1.{SECRET}@h"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "iotp1",
        f"iotp1.k1.{SECRET}",
        f"iotp2.k1.{SECRET}.{PIN}@h",
        f"k1.{SECRET}.{PIN}@h",
        f"iotp1.k1.{SECRET}.{PIN}.x@h",
        f"iotp1..{SECRET}.{PIN}@h",
        f"iotp1.{'k' * 41}.{SECRET}.{PIN}@h",
        f"iotp1.k 1.{SECRET}.{PIN}@h",
        f"iotp1.k1.{SECRET}=.{PIN}@h",
        f"iotp1.k1.{SECRET[:-1]}.{PIN}@h",
        f"iotp1.k1.{SECRET[:-1]}9.{PIN}@h",
        f"iotp1.k1.{SECRET.replace('A', '+', 1)}.{PIN}@h",
        f"iotp1.k1.{SECRET}.{PIN[:-2]}@h",
        f"iotp1.k1.{SECRET}.@h",
        f"iotp1.k1.{SECRET}.{PIN}@",
        f"iotp1.k1.{SECRET}.{PIN}@h@i",
        f"iotp1.k1.{SECRET}.{PIN}@h:",
        f"iotp1.k1.{SECRET}.{PIN}@h:0",
        f"iotp1.k1.{SECRET}.{PIN}@h:65536",
        f"iotp1.k1.{SECRET}.{PIN}@h:+1",
        f"iotp1.k1.{SECRET}.{PIN}@h:1/path",
        f"iotp1.k1.{SECRET}.{PIN}@h/path",
        f"iotp1.k1.{SECRET}.{PIN}@fd00::1",
        f"iotp1.k1.{SECRET}.{PIN}@[fd00::1",
        f"iotp1.k1.{SECRET}.{PIN}@[fd00::1]x",
        f"iotp1.k1.{SECRET}.{PIN}@[fd00::1::2]",
        f"iotp1.k1.{SECRET}.{PIN}@[127.0.0.1]",
        f"iotp1.k1.{SECRET}.{PIN}@[h]",
        f"iotp1.k1.{SECRET}.{PIN}@-h",
        f"iotp1.k1.{SECRET}.{PIN}@https://h",
    ],
)
def test_another_form_is_refused_and_never_quoted(text: str) -> None:
    with pytest.raises(ContractError) as refused:
        ProvisioningString.parse(text)
    assert SECRET[:20] not in str(refused.value)


def test_secrets_are_in_no_representation() -> None:
    read = ProvisioningString.parse(f"iotp1.k1.{SECRET}.{PIN}@h")
    assert SECRET not in repr(read)
    assert SECRET not in repr(read.key)


@pytest.mark.parametrize("prefix", ["iotp1", "dk1", "bk1"])
def test_keys_of_each_prefix(prefix: str) -> None:
    key = ApiKey.parse(f"{prefix}.id-1.{SECRET}", prefix)
    assert (key.id, key.secret, str(key)) == ("id-1", SECRET, f"{prefix}.id-1.{SECRET}")


@pytest.mark.parametrize(
    "text",
    ["", "dk1", "dk1.id", f"dk1.id.{SECRET}.x", f"iotp1.id.{SECRET}", f"dk1..{SECRET}", "dk1.id.x"],
)
def test_other_keys_are_refused_at_their_pointer(text: str) -> None:
    with pytest.raises(ContractError) as refused:
        ApiKey.parse(text, "dk1", "deviceApiKey")
    assert refused.value.pointer == "/deviceApiKey"


strings = st.builds(
    ProvisioningString,
    key_id=st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True),
    secret=st.binary(min_size=32, max_size=32).map(b64u_encode),
    pin=st.none() | st.binary(min_size=32, max_size=32).map(b64u_encode),
    host=st.sampled_from(["h", "127.77.0.16", "tenant.example", "a-b.c"])
    | st.ip_addresses(v=6).map(str),
    port=st.integers(1, 65535),
)


@given(strings)
def test_what_is_written_is_read_as_the_same(text: ProvisioningString) -> None:
    assert ProvisioningString.parse(str(text)) == text


@given(st.text() | strings.map(str), st.integers(0, 80), st.text(max_size=2))
def test_any_text_is_read_or_refused(text: str, place: int, between: str) -> None:
    try:
        read = ProvisioningString.parse(text[:place] + between + text[place:])
    except ContractError:
        return
    assert ProvisioningString.parse(str(read)) == read
