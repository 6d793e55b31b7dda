"""Lines of a lane: each once, at a time that can be right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from iotistic_contract.lanes import EventLine, Lane
from iotistic_tenant_api.domain.lanes import Sifted, event_of, levels_from, made_at, sift

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Line:
    stream: str
    epoch: int
    sequence: int


def lines(*places: tuple[int, int], stream: str = "a") -> list[Line]:
    return [Line(stream, *place) for place in places]


@pytest.mark.parametrize(
    ("lane", "batch", "mark", "expected"),
    [
        (Lane.EVENTS, [(1, 1), (1, 2)], None, Sifted(fresh=(0, 1), marks={"a": (1, 2)})),
        (Lane.EVENTS, [(1, 1), (1, 2)], (1, 1),
         Sifted(fresh=(1,), marks={"a": (1, 2)}, repeats={"a": 1})),
        (Lane.EVENTS, [(1, 1), (1, 2)], (1, 2), Sifted(repeats={"a": 2})),
        (Lane.EVENTS, [(1, 9), (2, 1)], (1, 9),
         Sifted(fresh=(1,), marks={"a": (2, 1)}, repeats={"a": 1})),
        (Lane.EVENTS, [(1, 3), (1, 2), (1, 3)], None,
         Sifted(fresh=(0,), marks={"a": (1, 3)}, repeats={"a": 2})),
        (Lane.LOGS, [(1, 1), (1, 2)], (1, 1), Sifted(fresh=(1,), marks={"a": (1, 2)})),
        (Lane.LOGS, [(1, 1), (1, 2)], (1, 2), Sifted(repeats={"a": 1})),
        (Lane.METRICS, [], None, Sifted()),
    ],
)  # fmt: skip
def test_each_line_counts_once(
    lane: Lane, batch: list[tuple[int, int]], mark: tuple[int, int] | None, expected: Sifted
) -> None:
    assert sift(lane, lines(*batch), {"a": mark}) == expected


def test_streams_have_marks_of_their_own() -> None:
    batch = lines((1, 5)) + lines((1, 1), stream="b") + lines((1, 6))
    assert sift(Lane.EVENTS, batch, {"a": (1, 5), "b": None}) == Sifted(
        fresh=(1, 2), marks={"a": (1, 6), "b": (1, 1)}, repeats={"a": 1}
    )


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NOW - timedelta(days=40), NOW - timedelta(days=40)),
        (NOW + timedelta(minutes=4), NOW),
        (NOW + timedelta(minutes=6), NOW),
        (datetime(1970, 1, 1, tzinfo=UTC), NOW),
    ],
)
def test_a_time_that_can_not_be_right_is_now(at: datetime, expected: datetime) -> None:
    assert made_at(at, NOW) == expected


def test_an_events_type_can_not_pass_for_one_of_the_clouds() -> None:
    line = EventLine(stream="a", epoch=1, sequence=1, at=NOW, type="removed", data={"x": 1})
    event = event_of("u", line, NOW)
    assert (event.type, event.told, event.actor) == ("device.removed", "state", "device")


def test_levels() -> None:
    assert levels_from(None) == (["debug", "info", "warning", "error"], True)
    assert levels_from("info") == (["info", "warning", "error"], True)
    assert levels_from("warning") == (["warning", "error"], False)
