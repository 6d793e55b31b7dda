"""NDJSON of the lanes: lines in order, and a pointer to the one that is wrong."""

import json

import pytest

from iotistic_contract.errors import ContractError, MalformedJson
from iotistic_contract.lanes import LINE_TYPES, MAX_LINE, EventLine, Lane, read_lines

MARK = {"stream": "s", "epoch": 1, "at": "2026-01-15T10:30:00.000Z", "type": "state-applied"}


def body(*documents: object) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def test_each_lane_has_its_lines() -> None:
    assert LINE_TYPES.keys() == set(Lane)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n\n"])
def test_lines_come_in_order(end: bytes) -> None:
    content = body(*(MARK | {"sequence": number} for number in (1, 2, 9))).rstrip() + end
    assert [line.sequence for line in read_lines(EventLine, content)] == [1, 2, 9]


def test_nothing_is_no_line() -> None:
    assert read_lines(EventLine, b"\n") == []


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        (MARK, "/1/sequence"),
        ([], "/1"),
        (MARK | {"sequence": 2, "data": {"text": "x" * MAX_LINE}}, "/1"),
        (MARK | {"sequence": 2, "data": {"text": "\0"}}, "/1/data/text"),
    ],
)
def test_what_breaks_a_rule_is_named(wrong: object, pointer: str) -> None:
    with pytest.raises(ContractError) as caught:
        read_lines(EventLine, body(MARK | {"sequence": 1}, wrong))
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("wrong", [b"{", b"", b'{"a": 1, "a": 2}', b"[" * 33 + b"]" * 33, b"\xff"])
def test_what_is_no_json_is_named(wrong: bytes) -> None:
    good = body(MARK | {"sequence": 1})
    with pytest.raises(MalformedJson, match=r"line 1 \(from 0\)"):
        read_lines(EventLine, good + wrong + b"\n" + good)
