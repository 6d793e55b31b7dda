from __future__ import annotations

import json
import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iotistic_contract.codec import b64u_decode, b64u_encode, canonical, parse_json
from iotistic_contract.errors import ContractError, MalformedJson

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53) + 1, 2**53 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(JSON)
def test_canonical_json_is_read_and_written_again_alike(value: object) -> None:
    read = parse_json(canonical(value))
    assert canonical(read) == canonical(value)
    assert json.loads(json.dumps(value), parse_int=float) == json.loads(
        canonical(value), parse_int=float
    )


@given(st.dictionaries(TEXT, st.integers(0, 9), max_size=6))
def test_the_order_of_names_does_not_matter(members: dict[str, int]) -> None:
    assert canonical(members) == canonical(dict(reversed(members.items())))


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("ffefffffffffffff", "-1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555554", "333333333.33333325"),
        ("41b3de4355555555", "333333333.3333333"),
        ("41b3de4355555556", "333333333.3333334"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_of_rfc_8785_appendix_b(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(number) == text.encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, {1: 2}, {"a": b"x"}, "\ud800", 2**53 + 1])
def test_what_is_no_json_has_no_canonical_form(value: object) -> None:
    with pytest.raises(ContractError):
        canonical(value)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        parse_json(content)
    except (MalformedJson, ContractError):
        return
    json.loads(content)


@pytest.mark.parametrize("depth", [33, 200, 5_000, 200_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_bombs_are_refused(depth: int, opening: bytes) -> None:
    with pytest.raises(MalformedJson):
        parse_json(opening * depth + b"1" + (b"]" if opening == b"[" else b"}") * depth)


def test_wide_is_not_deep() -> None:
    wide = [[{"a": [1]}] for _ in range(1000)]
    assert parse_json(json.dumps(wide).encode()) == wide


@given(st.binary(max_size=80))
def test_base64url_has_one_spelling(value: bytes) -> None:
    text = b64u_encode(value)
    assert b64u_decode(text, len(value)) == value
    with pytest.raises(ContractError):
        b64u_decode(text, len(value) + 1)
    with pytest.raises(ContractError):
        b64u_decode(text + "=")
