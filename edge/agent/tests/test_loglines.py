"""Lines of containers and of the agent: level, length, share, rate."""

import json
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotistic_agent.adapters.engine_logs import LogLine
from iotistic_agent.loglines import (
    BURST,
    LONGEST,
    Flow,
    agent_line,
    is_sampled,
    is_timed,
    level_of,
    service_lines,
    shown,
)
from iotistic_agent.outgoing import text_of
from iotistic_contract.lanes import LogLine as WireLine
from iotistic_contract.lanes import read_lines


@pytest.mark.parametrize(
    ("message", "output", "level"),
    [
        ("listening", "stdout", "info"),
        ("Traceback (most recent call last):", "stderr", "warning"),
        ("0 errors found", "stdout", "info"),
        ('{"level": "error", "msg": "no"}', "stdout", "error"),
        ('{"level": "INFO"}', "stderr", "info"),
        ('{"severity": "CRITICAL"}\r', "stdout", "error"),
        ('{"lvl": "dbg"}', "stdout", "debug"),
        ('{"levelname": "WARNING"}', "stdout", "warning"),
        ('{"level": 30, "severity": "warn"}', "stdout", "warning"),
        ('{"level": "loud"}', "stderr", "warning"),
        ('{"level": "error"', "stdout", "info"),
        ('{"a": ' * 5000 + "}", "stdout", "info"),
        ("{}", "stdout", "info"),
    ],
)
def test_the_level_is_what_the_line_names(message, output, level):
    assert level_of(message, output) == level


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("a\tb ü 漢", "a\tb ü 漢"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("nul\0 bell\a del\x7f", "nul\\x00 bell\\x07 del\\x7f"),
        ("csi\x9b lone\ud800 line\u2028", "csi\\x9b lone\\ud800 line\\u2028"),
        ("x" * LONGEST, "x" * LONGEST),
        ("x" * (LONGEST + 1), "x" * (LONGEST - 1) + "…"),
    ],
)
def test_control_characters_are_shown_and_long_lines_cut(message, expected):
    assert shown(message) == expected


@given(st.text())
def test_whatever_is_written_can_be_sent(message):
    line = LogLine("2026-01-02T03:04:05.123456789Z", "stdout", message)
    found, _ = service_lines("web", line, Flow())
    for each in found:
        text = text_of(each, "s", 1, 1)
        assert text is not None
        (read,) = read_lines(WireLine, text.encode())
        assert (read.service, read.extra["output"]) == ("web", "stdout")
        characters = read.message.replace("\t", "")
        assert not any(unicodedata.category(each) in {"Cc", "Cs"} for each in characters)


def test_a_tenth_of_debug_is_sampled_and_always_the_same():
    keys = [f"web 2026-01-02T03:04:05.{number:09}Z" for number in range(10_000)]
    sampled = [key for key in keys if is_sampled("debug", key)]
    assert 900 < len(sampled) < 1100
    assert all(is_sampled("debug", key) for key in sampled)
    for level in ("info", "warning", "error"):
        assert all(is_sampled(level, key) for key in keys)


def lines_at(*offsets: float) -> list[LogLine]:
    begin = datetime(2026, 1, 2, tzinfo=UTC)
    return [
        LogLine(f"{begin + timedelta(seconds=each):%Y-%m-%dT%H:%M:%S.%f}Z", "stdout", "x")
        for each in offsets
    ]


def passed(lines: list[LogLine]) -> list[str]:
    flow, messages = Flow(), []
    for line in lines:
        found, flow = service_lines("web", line, flow)
        messages += [each.body["message"] for each in found]
    return messages


def test_a_flood_is_cut_and_says_how_much():
    messages = passed(lines_at(*[0.0] * (int(BURST) + 37), 10.0))
    assert messages == ["x"] * int(BURST) + ["37 lines left out: more than 50 a second", "x"]


def test_what_is_read_late_passes_as_it_would_have_in_time():
    assert len(passed(lines_at(*[number / 40 for number in range(5000)]))) == 5000


def test_the_agents_own_lines():
    text = json.dumps(
        {"at": "2026-01-02T03:04:05.123Z", "level": "warning", "component": "cloudSync",
         "event": "poll_failed", "reason": "no route", "next_in": 1.5}
    )  # fmt: skip
    line = agent_line(text)
    assert (line.at, line.level, line.body) == (
        "2026-01-02T03:04:05.123Z",
        "warning",
        {"component": "cloudSync", "message": "poll_failed reason=no route next_in=1.5"},
    )
    assert agent_line(text.replace('"warning"', '"critical"')).level == "error"


@pytest.mark.parametrize("at", ["", "half", "2026-01-02"])
def test_the_rest_of_a_cut_frame_has_no_time(at):
    assert not is_timed(LogLine(at, "stdout", "x"))
    assert is_timed(LogLine("2026-01-02T00:00:00.1Z", "stdout", "x"))
