"""Tries, device keys, marks, reports, targets, held values: tables and short stories."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotistic_contract.etag import etag
from iotistic_kit.clock import MemoryClock
from iotistic_tenant_api.domain.attempts import check_failures, check_work
from iotistic_tenant_api.domain.device_keys import (
    DeviceKey,
    Rotation,
    Shown,
    rotation,
    shown,
    split_key,
)
from iotistic_tenant_api.domain.documents import (
    UNWRITTEN,
    document_of,
    etag_of,
    normalized,
    spec_of,
)
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.reports import Mark, Placement, is_online, merge, place
from iotistic_tenant_api.domain.targets import Target, expire, override, write
from iotistic_tenant_api.live.held import Held, Listening

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes_ago", "waits"),
    [
        ([1, 2, 3, 4], None),
        ([20, 1, 2, 3, 4], None),
        ([5, 4, 3, 2, 1], 601),
        ([15, 3, 2, 1, 0], None),
    ],
)
def test_five_failures_fill_a_window(minutes_ago: list[int], waits: int | None) -> None:
    times = sorted(NOW - timedelta(minutes=ago) for ago in minutes_ago)
    if waits is None:
        check_failures(times, NOW)
        return
    with pytest.raises(Refused) as refused:
        check_failures(times, NOW)
    assert refused.value.headers == {"Retry-After": str(waits)}


def test_work_is_limited_by_minute() -> None:
    check_work(120, NOW)
    with pytest.raises(Refused) as refused:
        check_work(121, NOW + timedelta(seconds=20))
    assert refused.value.headers == {"Retry-After": "40"}


KEY = DeviceKey(
    id="k", device_uuid="u", registration="r", current_hash=b"c" * 32, pending_hash=b"p" * 32,
    previous_hash=b"o" * 32, previous_until=NOW + timedelta(minutes=1), spent_hashes=[b"s" * 32],
    public_key=b"", sealing_key=b"", confirmed=True, newest=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("letter", "which"),
    [
        (b"c", Shown.CURRENT),
        (b"p", Shown.PENDING),
        (b"o", Shown.PREVIOUS),
        (b"s", None),
        (b"x", None),
    ],
)
def test_which_secret_was_shown(letter: bytes, which: Shown | None) -> None:
    assert shown(KEY, letter * 32, NOW) is which


def test_the_previous_secret_ends() -> None:
    assert shown(KEY, b"o" * 32, NOW + timedelta(minutes=1)) is None
    assert shown(replace(KEY, previous_hash=None, previous_until=None), b"o" * 32, NOW) is None


@pytest.mark.parametrize(
    ("letter", "decided"),
    [(b"c", Rotation.UNCHANGED), (b"p", Rotation.UNCHANGED), (b"o", Rotation.REFUSED),
     (b"s", Rotation.REFUSED), (b"n", Rotation.PENDING)],
)  # fmt: skip
def test_which_new_hash_is_taken(letter: bytes, decided: Rotation) -> None:
    assert rotation(KEY, letter * 32) is decided


@pytest.mark.parametrize(
    ("text", "parts"),
    [(f"dk1.id.{'A' * 43}", ("id", "A" * 43)), (f"dk1.{'i' * 41}.{'A' * 43}", None),
     (f"dk1.id.{'A' * 42}", None), (f"bk1.id.{'A' * 43}", None), (f"dk1.id.{'A' * 43}\n", None),
     ("", None)],
)  # fmt: skip
def test_the_form_of_a_key(text: str, parts: Any) -> None:
    assert split_key(text) == parts


OLD, CURRENT = (
    Mark(epoch=3, sequence=9, latest=False),
    Mark(epoch=3, sequence=5, latest=True),
)


@pytest.mark.parametrize(
    ("mark", "epoch", "sequence", "placement"),
    [
        (None, 1, 1, Placement.COMPLETE),
        (CURRENT, 3, 6, Placement.SECTIONS),
        (CURRENT, 4, 1, Placement.COMPLETE),
        (CURRENT, 3, 5, Placement.REPEAT),
        (CURRENT, 2, 99, Placement.REPEAT),
        (OLD, 3, 10, Placement.HISTORY),
        (OLD, 3, 9, Placement.REPEAT),
    ],
)
def test_where_a_report_belongs(
    mark: Mark | None, epoch: int, sequence: int, placement: Placement
) -> None:
    assert place(mark, epoch, sequence) is placement


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), max_size=30))
def test_each_message_counts_once(messages: list[tuple[int, int]]) -> None:
    mark: Mark | None = None
    counted = []
    for pair in messages:
        if place(mark, *pair) is not Placement.REPEAT:
            counted.append(pair)
            mark = Mark(epoch=pair[0], sequence=pair[1], latest=True)
    assert counted == sorted(set(counted))


def test_merging() -> None:
    held = {"a": {"x": 1}, "b": 2}
    assert merge(held, {"a": {"y": 1}, "b": None}, Placement.SECTIONS) == {"a": {"y": 1}}
    assert merge(held, {"c": 1, "d": None}, Placement.COMPLETE) == {"c": 1}


@pytest.mark.parametrize(
    ("seconds", "interval", "online"),
    [
        (None, None, False),
        (89, None, True),
        (90, None, False),
        (29, 10_000, True),
        (30, 10_000, False),
    ],
)
def test_online(seconds: int | None, interval: int | None, online: bool) -> None:
    seen = None if seconds is None else NOW - timedelta(seconds=seconds)
    assert is_online(seen, interval, NOW) is online


def spec(*names: str, state: str = "running") -> dict[str, Any]:
    services = [
        {"serviceId": name, "serviceName": name, "imageName": "busybox:1", "state": state}
        for name in names
    ]
    app = {"appId": "a", "appName": "A", "services": services}
    return normalized(spec_of({"apps": {"a": app}, "config": {}}))


STOP = {"state": "stopped", "owner": "ada", "reason": "noise"}
EMPTY = Target(uuid="u", changed_at=NOW)


def test_versions_rise_with_what_the_device_gets() -> None:
    one = write(EMPTY, spec("x"), {}, NOW)
    assert (one.version, one.spec_revision) == (1, 1)
    assert write(one, spec("x"), {}, NOW) is one
    two = override(one, {"x": STOP}, NOW)
    assert (two.version, two.spec_revision) == (2, 1)
    assert override(two, {"x": STOP}, NOW) is two
    three = write(two, spec("x", state="stopped"), {}, NOW)
    assert (three.version, three.spec_revision) == (2, 2), "the device gets the same"
    assert override(three, {"x": None}, NOW).version == 2


def test_an_override_ends() -> None:
    until = "2026-11-24T10:01:00.000Z"
    held = override(write(EMPTY, spec("x"), {}, NOW), {"x": STOP | {"expiresAt": until}}, NOW)
    assert held.next_expiry == NOW + timedelta(minutes=1)
    assert expire(held, NOW) is held
    ended = expire(held, NOW + timedelta(minutes=1))
    assert (ended.version, ended.overrides, ended.next_expiry) == (3, {}, None)
    assert ended.delivered == held.spec


def test_etags_are_the_contracts() -> None:
    document = document_of(3, spec("x"))
    assert etag_of(3, spec("x"), None) == etag(3, document)
    assert etag_of(3, spec("x"), "thumb") == etag(3, document, "thumb")
    assert etag_of(0, None, "thumb") == etag(0, UNWRITTEN, "thumb")
    assert spec_of(spec("x")) is spec_of(spec("x")), "read once"


class TestHeld:
    """What a worker holds."""

    def make(self) -> tuple[Held[str], Listening, MemoryClock]:
        clock, listening = MemoryClock(NOW), Listening(now=True)
        return Held(clock, listening), listening, clock

    async def get(self, held: Held[str], value: str | None = "v") -> str | None:
        async def read() -> str | None:
            return value

        return await held.get("name", read, lambda _: "subject")

    async def test_a_value_is_read_once_until_it_is_forgotten(self) -> None:
        held, _, _ = self.make()
        assert await self.get(held, "one") == "one"
        assert await self.get(held, "two") == "one"
        held.forget(["subject"])
        assert await self.get(held, "two") == "two"

    async def test_what_is_forgotten_during_a_read_is_not_held(self) -> None:
        held, _, _ = self.make()

        async def read() -> str:
            held.forget(["subject"])
            return "stale"

        assert await held.get("name", read, lambda _: "subject") == "stale"
        assert held.peek("name") is None

    async def test_nothing_is_held_while_nobody_listens(self) -> None:
        held, listening, _ = self.make()
        listening.now = False
        await self.get(held)
        listening.now = True
        assert held.peek("name") is None

    async def test_a_value_ends_after_a_minute(self) -> None:
        held, _, clock = self.make()
        await self.get(held)
        clock.advance(timedelta(seconds=59))
        assert held.peek("name") == "v"
        clock.advance(timedelta(seconds=1))
        assert held.peek("name") is None
