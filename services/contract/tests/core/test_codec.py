from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest

from iotistic_contract.codec import (
    OMIT_DEFAULT,
    camel,
    check_fields,
    count_unknown,
    decode,
    encode,
    format_time,
    parse_time,
)
from iotistic_contract.errors import ContractError
from iotistic_contract.readers import Identifier


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def _even(number: int) -> None:
    if number % 2:
        raise ContractError("", "odd")


@dataclass(frozen=True, kw_only=True)
class Wheel:
    size: Annotated[int, _even]
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class Car:
    car_id: Identifier
    wheels: tuple[Wheel, ...] = ()
    colour: Colour | str = Colour.RED
    finish: Colour | None = None
    doors: Literal[3, 5] = 5
    weight: float | None = None
    electric: bool = False
    sold_at: datetime | None = None
    owners: Mapping[str, Wheel] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    e_tag: str | None = field(default=None, metadata={"wire": "eTAG"})
    hidden: int = field(default=7, metadata=OMIT_DEFAULT)
    anything: object = None
    extra: Mapping[str, object] = field(default_factory=dict)


WHOLE = {
    "carId": "c1",
    "wheels": [{"size": 2}],
    "colour": "blue",
    "finish": "red",
    "doors": 3,
    "weight": 1.5,
    "electric": True,
    "soldAt": "2026-01-15T10:30:00.000Z",
    "owners": {"a/b": {"size": 4}},
    "tags": ["x", "y"],
    "eTAG": "t",
    "hidden": 8,
    "anything": {"k": [1]},
}


def test_a_whole_document_comes_back_as_it_was() -> None:
    car = decode(Car, WHOLE)
    assert car.wheels == (Wheel(size=2),)
    assert car.sold_at == datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
    assert encode(car) == WHOLE


def test_what_is_none_or_empty_by_default_is_left_out() -> None:
    assert encode(Car(car_id="c1")) == {
        "carId": "c1",
        "colour": "red",
        "doors": 5,
        "electric": False,
    }


def test_null_is_absent() -> None:
    assert decode(Car, {"carId": "c1", **dict.fromkeys(set(WHOLE) - {"carId"})}) == Car(car_id="c1")


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"carId": None}, "/carId", "is required"),
        ({"carId": 5}, "/carId", "expected text, not a number; quote it"),
        ({"carId": True}, "/carId", "expected text, not true or false; quote it"),
        ({"wheels": {}}, "/wheels", "expected a list, not an object"),
        ({"wheels": [{"size": 2}, {"size": 3}]}, "/wheels/1/size", "odd"),
        ({"wheels": [{"size": True}]}, "/wheels/0/size", "expected an integer, not true or false"),
        ({"wheels": [{"size": 2.0}]}, "/wheels/0/size", "expected an integer, not a number"),
        ({"wheels": ["x"]}, "/wheels/0", "expected an object, not text"),
        ({"colour": "pink"}, "/colour", "one of red, blue, not 'pink'"),
        ({"finish": 1}, "/finish", "one of red, blue, not a number"),
        ({"doors": 4}, "/doors", "one of 3, 5, not a number"),
        ({"weight": "1"}, "/weight", "expected a number, not text"),
        ({"electric": 1}, "/electric", "expected true or false, not a number"),
        ({"owners": {"a/b": {"size": 1}}}, "/owners/a~1b/size", "odd"),
        ({"owners": {5: {"size": 2}}}, "/owners", "a key that is no text: 5; quote it"),
        ({"colur": "red"}, "/colur", "unknown key; meant colour?"),
        ({"zzz": 1}, "/zzz", "unknown key"),
        ({3: 1}, "", "a key that is no text: 3; quote it"),
    ],
)
def test_an_error_points_to_the_value(change: dict[Any, Any], pointer: str, detail: str) -> None:
    document: dict[Any, Any] = {}
    document.update(WHOLE)
    document.update(change)
    with pytest.raises(ContractError) as raised:
        decode(Car, document)
    assert (raised.value.pointer, raised.value.detail) == (pointer, detail)


def test_a_tolerant_reader_keeps_what_it_does_not_know() -> None:
    document = {"carId": 5, "colour": "pink", "later": 1, "wheels": [{"size": 2, "rim": "x"}]}
    car = decode(Car, document, unknown="keep")
    assert (car.car_id, car.colour, car.extra) == ("5", "pink", {"later": 1})
    assert count_unknown(car) == 2
    assert encode(car)["wheels"] == [{"size": 2, "rim": "x"}]


def test_a_tolerant_reader_still_refuses_wrong_types() -> None:
    for change in ({"carId": True}, {"carId": 1.5}, {"finish": "pink"}, {"colour": 1}):
        with pytest.raises(ContractError):
            decode(Car, {**WHOLE, **change}, unknown="keep")


def test_a_value_made_in_code_keeps_the_rules_too() -> None:
    with pytest.raises(ContractError, match="/size: odd"):
        Wheel(size=3)


class TaggedInt(int):
    """As Ansible hands numbers to filters and lookups."""


class TaggedText(str):
    """As Ansible hands text to filters and lookups."""

    __slots__ = ()


def test_subclasses_of_plain_values_are_read_as_plain() -> None:
    document = {"carId": TaggedText("c1"), "hidden": TaggedInt(9), "doors": TaggedInt(3)}
    car = decode(Car, document)
    assert [type(one) for one in (car.car_id, car.hidden, car.doors)] == [str, int, int]
    assert car == Car(car_id="c1", hidden=9, doors=3)


def test_errors_say_the_pointer_first() -> None:
    error = ContractError("a", "is bad")
    assert str(error) == "/a: is bad"
    assert str(error.under("x/y", 0)) == "/x~1y/0/a: is bad"
    assert str(ContractError("", "is bad")) == "is bad"


def test_camel() -> None:
    assert [camel(name) for name in ("a", "working_dir", "os_patch_level")] == [
        "a",
        "workingDir",
        "osPatchLevel",
    ]


def test_times_are_cut_not_rounded_and_brought_to_utc() -> None:
    time = datetime(2026, 1, 15, 12, 30, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert format_time(time) == "2026-01-15T10:30:00.999Z"
    assert parse_time("2026-01-15T10:30:00.123456789Z").microsecond == 123_456
    with pytest.raises(ContractError, match="without a zone"):
        format_time(datetime(2026, 1, 15))  # noqa: DTZ001
