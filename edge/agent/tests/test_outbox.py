"""The outbox on disk: order, bound, counters, and what survives."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.agent.tests.test_store import full_disk, path
from iotistic_agent.adapters.store import Store
from iotistic_agent.outgoing import Bound, OutgoingLine, cut_to, rank_of, text_of
from iotistic_contract.lanes import LINE_TYPES, MAX_LINE, Lane, read_lines

__all__ = ["full_disk", "path"]

NOW = datetime(2026, 1, 2, tzinfo=UTC)
AT = "2026-01-02T00:00:00.000Z"
BODIES = {
    Lane.LOGS: {"component": "agent", "message": "m"},
    Lane.METRICS: {"metrics": {"cpu_usage": 1}},
    Lane.READINGS: {"sensor_id": "t", "value": 1},
    Lane.EVENTS: {"type": "state-applied"},
}


def open_store(path, rows=1000, size=2**20):
    return Store.open(path / "device.sqlite", lambda: NOW, Bound(rows=rows, size=size))


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path, rows=10)
    yield opened
    opened.close()


def line(lane, level=None, **more):
    level = level or ("info" if lane is Lane.LOGS else None)
    return OutgoingLine(at=AT, body={**BODIES[lane], **more}, level=level)


def put(store, lane, *levels, **more):
    lines = [line(lane, level, **more) for level in levels or (None,)]
    return store.outbox.add(lane, lines, lambda: "stream")


def stored(store, lane):
    return [json.loads(each.text) for each in store.outbox.batch(lane, 1000, 2**20)]


@pytest.mark.parametrize("lane", list(Lane))
def test_a_line_is_stored_as_it_is_sent(store, lane):
    put(store, lane)
    put(store, lane)
    content = "\n".join(each.text for each in store.outbox.batch(lane, 10, 2**20)).encode()
    lines = read_lines(LINE_TYPES[lane], content)
    assert [(e.stream, e.epoch, e.sequence) for e in lines] == [("stream", 1, 1), ("stream", 1, 2)]


def test_an_epoch_begins_with_the_first_line_after_each_start(store, tmp_path):
    put(store, Lane.EVENTS)
    for _ in range(2):
        open_store(tmp_path).close()
    again = open_store(tmp_path)
    again.outbox.add(Lane.EVENTS, [line(Lane.EVENTS)], lambda: "another")
    marks = [(e["stream"], e["epoch"], e["sequence"]) for e in stored(again, Lane.EVENTS)]
    assert marks == [("stream", 1, 1), ("stream", 2, 1)]
    again.close()


def test_what_is_dropped_first(store):
    assert put(store, Lane.EVENTS, None, None) == 0
    put(store, Lane.LOGS, "error", "debug", "info", "warning", "debug", "info")
    put(store, Lane.METRICS)
    put(store, Lane.READINGS)
    left = []
    for _ in range(10):
        assert put(store, Lane.EVENTS) == 1
        levels = [each["level"] for each in stored(store, Lane.LOGS)]
        left.append((levels, {str(k): v for k, v in store.outbox.waiting().items()}))
    assert [levels for levels, _ in left[:6]] == [
        ["error", "info", "warning", "debug", "info"],
        ["error", "info", "warning", "info"],
        ["error", "warning", "info"],
        ["error", "warning"],
        ["error", "warning"],
        ["error", "warning"],
    ]
    assert "metrics" not in left[4][1]
    assert "readings" not in left[5][1]
    assert left[7][1] == {"events": 10}, "the rest of the logs"
    assert stored(store, Lane.EVENTS)[0]["sequence"] == 3, "then the oldest events"
    assert store.outbox.lost("dropped") == {"logs": 6, "metrics": 1, "readings": 1, "events": 2}


def test_what_there_is_no_room_for_is_dropped_itself(store):
    for _ in range(10):
        put(store, Lane.EVENTS)
    assert put(store, Lane.LOGS, "debug", "error") == 2
    assert store.outbox.waiting() == {Lane.EVENTS: 10}


def test_the_bound_in_bytes_holds(tmp_path):
    store = open_store(tmp_path, size=10_000)
    for _ in range(30):
        put(store, Lane.LOGS, "info", message="x" * 1000)
    sizes = [each.size for each in store.outbox.batch(Lane.LOGS, 100, 2**20)]
    assert 8_000 < sum(sizes) <= 10_000
    assert store.outbox.lost("dropped") == {"logs": 30 - len(sizes)}
    store.close()


def test_a_line_too_long_for_the_wire_is_counted(store):
    assert put(store, Lane.EVENTS, data={"text": "x" * MAX_LINE}) == 1
    assert put(store, Lane.EVENTS) == 0
    assert (stored(store, Lane.EVENTS)[0]["sequence"], store.outbox.lost("dropped")) == (
        1,
        {"events": 1},
    )


def test_acknowledged_and_refused_lines_are_gone(store):
    put(store, Lane.LOGS, "info", "info", "info")
    first, second, third = store.outbox.batch(Lane.LOGS, 10, 2**20)
    store.outbox.remove([first])
    store.outbox.set_aside(Lane.LOGS, [second], 422, "422 invalid: no")
    assert [each["sequence"] for each in stored(store, Lane.LOGS)] == [3]
    assert store.outbox.waiting() == {Lane.LOGS: 1}
    assert store.outbox.lost("refused") == {"logs": 1}
    row = store._database.row("SELECT lane, body, status, answer FROM set_aside")
    assert (row[0], json.loads(row[1])[0]["sequence"], *row[2:]) == (
        "logs", 2, 422, "422 invalid: no",
    )  # fmt: skip
    store.outbox.remove([first, third])
    assert store.outbox.waiting() == {}


def test_of_many_refused_lines_the_first_are_kept(tmp_path):
    store = open_store(tmp_path)
    put(store, Lane.LOGS, *["info"] * 20, message="x" * 10_000)
    store.outbox.set_aside(Lane.LOGS, store.outbox.batch(Lane.LOGS, 100, 2**20), 404, "no")
    assert len(json.loads(store._database.row("SELECT body FROM set_aside")[0])) == 6
    store.close()


def test_a_batch_ends_at_its_size(store):
    put(store, Lane.LOGS, *["info"] * 5, message="x" * 1000)
    assert len(store.outbox.batch(Lane.LOGS, 2, 2**20)) == 2
    assert len(store.outbox.batch(Lane.LOGS, 10, 3_700)) == 3
    assert len(store.outbox.batch(Lane.LOGS, 10, 10)) == 1, "or nothing would ever be sent"


def test_cursors_move_with_the_lines(store, tmp_path):
    store.outbox.add(Lane.LOGS, [line(Lane.LOGS)], lambda: "s", {"web": "2026-01-01T00:00:00.1Z"})
    again = open_store(tmp_path)
    assert again.outbox.cursors() == {"web": "2026-01-01T00:00:00.1Z"}
    again.outbox.forget_cursors(["web"])
    assert again.outbox.cursors() == {}
    again.close()


def test_after_a_full_disk_sums_and_sequence_are_true(store):
    put(store, Lane.EVENTS)

    def nothing(action, *_):
        return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_INSERT else sqlite3.SQLITE_OK

    store._database._connection.set_authorizer(nothing)
    with pytest.raises(sqlite3.Error):
        put(store, Lane.EVENTS)
    store._database._connection.set_authorizer(None)
    put(store, Lane.EVENTS)
    assert store.outbox.waiting() == {Lane.EVENTS: 2}
    assert [each["sequence"] for each in stored(store, Lane.EVENTS)] == [1, 2]


def test_on_a_disk_that_is_full_nothing_is_half_stored(store, path, full_disk):
    put(store, Lane.EVENTS)
    with full_disk(), pytest.raises(sqlite3.OperationalError, match=r"disk|full"):
        put(store, Lane.EVENTS, *[None] * 9, data={"text": "x" * 60_000})
    assert store.outbox.waiting() == {Lane.EVENTS: 1}
    assert len(stored(store, Lane.EVENTS)) == 1
    put(store, Lane.EVENTS)
    assert [each["sequence"] for each in stored(store, Lane.EVENTS)] == [1, 2]


def test_kill_9_loses_no_line_that_was_stored(tmp_path):
    program = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from iotistic_agent.adapters.store import Store
from iotistic_agent.outgoing import OutgoingLine
from iotistic_contract.lanes import Lane
store = Store.open(Path(sys.argv[1]) / "device.sqlite", lambda: datetime.now(UTC))
line = OutgoingLine(at="2026-01-02T00:00:00.000Z", body={"type": "state-applied"})
for n in range(1, 10**6):
    store.outbox.add(Lane.EVENTS, [line] * 3, lambda: "s", {"web": str(n)})
    print(n, flush=True)
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for _ in range(30):
            last = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
    store = open_store(tmp_path, rows=10**6)
    sequences = [each["sequence"] for each in stored(store, Lane.EVENTS)]
    assert len(sequences) == 3 * int(store.outbox.cursors()["web"]), "lines and cursor together"
    assert sequences == list(range(1, len(sequences) + 1))
    assert len(sequences) >= 3 * last
    store.close()


def test_an_order_of_dropping_for_each_line():
    ranks = [
        (Lane.LOGS, "debug"), (Lane.LOGS, "info"), (Lane.METRICS, None), (Lane.READINGS, None),
        (Lane.LOGS, "warning"), (Lane.EVENTS, None),
    ]  # fmt: skip
    assert [rank_of(*each) for each in ranks] == list(range(6))
    assert rank_of(Lane.LOGS, "error") == rank_of(Lane.LOGS, "fatal") == rank_of(*ranks[4])


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 500))), st.integers(0, 30),
    st.integers(0, 3000),
)  # fmt: skip
def test_cuts_free_enough_and_no_more(rows, wanted_rows, wanted_size):
    stored = sorted((rank, number, size) for number, (rank, size) in enumerate(rows))
    cuts = cut_to(iter(stored), wanted_rows, wanted_size)
    gone = [e for e in stored for cut in cuts if e[0] == cut.rank and e[1] <= cut.id]
    assert len(gone) == sum(cut.count for cut in cuts)
    assert gone == stored[: len(gone)]
    freed = sum(size for _, _, size in gone)
    if len(gone) < len(stored):
        assert len(gone) >= wanted_rows
        assert freed >= wanted_size
    if gone:
        short = len(gone) - 1 < wanted_rows or freed - gone[-1][2] < wanted_size
        assert short


def test_text_is_ascii_and_compact():
    text = text_of(OutgoingLine(at=AT, body={"message": "ü\x1b"}, level="info"), "s", 1, 2)
    assert text == (
        '{"stream":"s","epoch":1,"sequence":2,"at":"2026-01-02T00:00:00.000Z","level":"info",'
        '"message":"\\u00fc\\u001b"}'
    )
