from __future__ import annotations

import json
import math

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
