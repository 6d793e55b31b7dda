"""Parts of ``iotctl`` and the local API that need no agent."""

import asyncio
import json
import logging
from pathlib import Path

import pytest

from iotistic_agent.adapters.engine_logs import LogLine, lines_of
from iotistic_agent.cli import completion, shown
from iotistic_agent.cli.client import Exit
from iotistic_agent.cli.commands import COMMANDS
from iotistic_agent.cli.main import main
from iotistic_agent.cli.tables import clean, duration, facts, json_text, table
from iotistic_agent.cli.words import new_parser
from iotistic_agent.enrolment import Enrolment, Progress, Told
from iotistic_agent.faults import StoreFault
from iotistic_agent.logs import Component, RecentLines, configure, log
from iotistic_agent.settings import from_environment
from iotistic_contract.codec import b64u_encode
from iotistic_contract.provisioning import ProvisioningString

GIVEN, BY_HAND = (
    f"iotp1.{name}.{b64u_encode(b's' * 32)}.{b64u_encode(b'p' * 32)}@api.example.test:3002"
    for name in ("given", "by-hand")
)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["st"], ["status"]),
        (["services", "l"], ["list", "logs"]),
        (["services", "st"], ["start", "stop"]),
        (["services", "stop", "--for", "60", "s1"], ["s1"]),
        (["apps", "purge", "--y"], ["--yes"]),
        (["leases", "release", ""], ["press"]),
        (["services", "info", ""], ["s1", "s2"]),
        (["services", "logs", "-n", ""], []),
        (["services", "logs", "-n", "5", "s1"], ["s1"]),
        (["services", "logs", "-f", "s"], ["s1", "s2"]),
        (["services", "info", "s1", ""], []),
        (["--json", "apps", "info", ""], ["a1"]),
        (["provision", "st"], ["status"]),
        (["provision", "--k"], ["--key-file"]),
        (["completion", ""], ["bash"]),
        (["plan", "--e"], ["--explain"]),
    ],
)
def test_completion(words, wanted):
    ids = {
        "service": lambda: ["s1", "s2"],
        "app": lambda: ["a1"],
        "key": lambda: ["status"],
        "owner": lambda: ["press"],
    }
    assert completion.candidates(new_parser(Path("/x")), words, ids) == wanted


def test_nothing_reaches_the_terminal_as_a_command():
    assert clean("a\x1b[2Jb\r\nc") == "a\N{REPLACEMENT CHARACTER}[2Jb" + (
        "\N{REPLACEMENT CHARACTER}" * 2 + "c"
    )
    assert shown.service_line({"message": "a\tb\x1b"}) == "a\tb\N{REPLACEMENT CHARACTER}"
    assert "\x1b" not in table(("A",), [("\x1b[31m",)]) + facts([("a", "\x1b")])


def test_json_has_no_control_characters_and_stays_the_same():
    said = {
        "a\x9b": ["\x1b[2J", "\x7f\x85", "\u202e", "\ud800", "\U000e0001", "grün \N{SNOWMAN}\n"]
    }
    for indent in (None, 2):
        text = json_text(said, indent=indent)
        assert not [each for each in text if not each.isprintable() and each != "\n"]
        assert json.loads(text) == said
        assert "grün \N{SNOWMAN}" in text


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a\x9bb", "a\N{REPLACEMENT CHARACTER}b"),
        ("", ""),
        (["\x9b"], '["\\u009b"]'),
        (True, "true"),
    ],
)
def test_a_setting_is_said_without_control_characters(capsys, value, said):
    class Answering:
        def get(self, *_parts):
            return {"settings": {"s": {"value": value}}, "places": {}}

    asked = new_parser(Path("/x")).parse_args(["config", "get", "s"])
    assert COMMANDS["config"](asked, Answering()) == Exit.DONE
    assert capsys.readouterr().out == f"{said}\n"


def test_a_failure_is_said_without_control_characters(monkeypatch, capsys, tmp_path):
    socket = tmp_path / "a\x9b2J\x1b.sock"
    monkeypatch.setattr("sys.argv", ["iotctl", "--socket", str(socket), "status"])
    assert main() == Exit.NOT_RUNNING
    said = capsys.readouterr().err
    assert "a\N{REPLACEMENT CHARACTER}2J\N{REPLACEMENT CHARACTER}.sock" in said
    assert not [each for each in said if not each.isprintable() and each != "\n"]


def test_tables_are_aligned():
    assert table(("A", "LONG"), [("xyz", 1), (None, "")]) == "A    LONG\nxyz  1\n-    -"
    assert facts([("a", 1), ("long", "x")]) == "a     1\nlong  x"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "5 s"), (65, "1 min 5 s"), (3720, "1 h 2 min"), (93_600, "1 d 2 h")],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize("place", [["--json", "plan"], ["plan", "--json"]])
def test_json_stands_before_or_after_the_command(place):
    assert new_parser(Path("/x")).parse_args(place).json is True
    assert new_parser(Path("/x")).parse_args(["plan"]).json is False


async def test_frames_of_an_engines_log():
    reader = asyncio.StreamReader()
    content = b"2026-01-02T03:04:05.6Z one\n2026-01-02T03:04:05.7Z \x0btwo\xff\n"
    reader.feed_data(b"\x01\0\0\0" + len(content).to_bytes(4, "big") + content)
    reader.feed_data(b"\x02\0\0\0\0\0\0\x172026-01-02T03:04:06Z x\n" + b"\x01\0\0\0\0\0\0\x50cut")
    reader.feed_eof()
    assert [line async for line in lines_of(reader)] == [
        LogLine("2026-01-02T03:04:05.6Z", "stdout", "one"),
        LogLine("2026-01-02T03:04:05.7Z", "stdout", "\x0btwo\N{REPLACEMENT CHARACTER}"),
        LogLine("2026-01-02T03:04:06Z", "stderr", "x"),
    ]


def test_the_newest_lines_stay_and_the_size_is_bounded():
    recent = RecentLines()
    for number in range(5000):
        recent.handle(logging.makeLogRecord({"msg": f"{number} " + "x" * 100}))
    recent.handle(logging.makeLogRecord({"msg": "y" * 100_000}))
    last, lines = recent.after(0)
    assert last == 5000
    assert lines[-1].startswith("4999 ")
    assert sum(map(len, lines)) <= 256 * 1024
    assert recent.after(4998)[1] == lines[-2:]
    assert recent.after(5000) == (5000, [])


def test_the_agents_lines_are_kept_as_they_are_written(capsys):
    recent = configure("info")
    log(Component.AGENT).info("said", extra={"a": 1})
    logging.getLogger("iotistic_agent").handlers.clear()
    [line] = recent.after(0)[1]
    assert json.loads(line)["event"] == "said"
    assert capsys.readouterr().err == f"{line}\n"


def settings(tmp_path, given: str | None):
    words = {"STATE_DIR": str(tmp_path), **({"PROVISIONING_API_KEY": given} if given else {})}
    return from_environment(words)


@pytest.mark.parametrize(
    ("given", "by_hand", "registered", "used"),
    [
        (None, None, False, None),
        (GIVEN, None, False, "given"),
        (None, BY_HAND, False, "by-hand"),
        (GIVEN, BY_HAND, False, "by-hand"),
        (GIVEN, BY_HAND, True, "given"),
        (None, BY_HAND, True, "by-hand"),
    ],
)
def test_which_string_counts(tmp_path, given, by_hand, registered, used):
    if by_hand:
        first = Enrolment(settings(tmp_path, given), tmp_path, registered=False)
        first.take(Told(string=ProvisioningString.parse(by_hand), name="n"))
        assert first.progress is Progress.REGISTERING
        assert first.told.name == "n"
        assert (tmp_path / "provisioning.json").stat().st_mode & 0o777 == 0o600
    enrolment = Enrolment(settings(tmp_path, given), tmp_path, registered=registered)
    assert (enrolment.told and enrolment.told.string.key_id) == used
    assert b64u_encode(b"s" * 32) not in repr(enrolment.told)


@pytest.mark.parametrize("before", [None, GIVEN])
@pytest.mark.parametrize(("registered", "used"), [(False, "newer"), (True, "newer")])
def test_a_string_that_came_into_the_settings_later_counts(tmp_path, before, registered, used):
    first = Enrolment(settings(tmp_path, before), tmp_path, registered=False)
    first.take(Told(string=ProvisioningString.parse(BY_HAND)))
    first.show(Progress.REFUSED)
    newer = settings(tmp_path, GIVEN.replace("given", "newer"))
    assert Enrolment(newer, tmp_path, registered=registered).told.string.key_id == used
    text = (tmp_path / "provisioning.json").read_text()
    assert b64u_encode(b"s" * 32) not in text, "neither string is there in clear"


@pytest.mark.parametrize("given", [None, GIVEN])
def test_after_it_was_forgotten_only_another_string_counts(tmp_path, given):
    first = Enrolment(settings(tmp_path, given), tmp_path, registered=False)
    first.take(Told(string=ProvisioningString.parse(BY_HAND)))
    first.forget()
    assert first.told is None
    assert Enrolment(settings(tmp_path, given), tmp_path, registered=False).told is None
    newer = settings(tmp_path, GIVEN.replace("given", "newer"))
    assert Enrolment(newer, tmp_path, registered=False).told.string.key_id == "newer"
    first.take(Told(string=ProvisioningString.parse(BY_HAND)))
    again = Enrolment(settings(tmp_path, given), tmp_path, registered=False)
    assert again.told.string.key_id == "by-hand"


def test_a_kept_string_that_does_not_open_is_as_if_nobody_told_it(tmp_path):
    first = Enrolment(settings(tmp_path, GIVEN), tmp_path, registered=False)
    first.take(Told(string=ProvisioningString.parse(BY_HAND)))
    (tmp_path / "keys" / "state-key").write_bytes(b"k" * 32)
    again = Enrolment(settings(tmp_path, GIVEN), tmp_path, registered=False)
    assert again.told.string.key_id == "given"


@pytest.mark.parametrize("content", ["", "[]", '{"string": "iotp1.x"}'])
def test_a_kept_string_that_cannot_be_read_is_said_so(tmp_path, content):
    (tmp_path / "provisioning.json").write_text(content)
    with pytest.raises(StoreFault, match=r"provisioning\.json"):
        Enrolment(settings(tmp_path, None), tmp_path, registered=False)


def test_plans_in_words():
    row = {
        "serviceId": "s", "serviceName": "web", "state": "running", "asWanted": False,
        "differences": [{"field": "environment.A", "detail": "changed"}],
        "error": {"type": "pull", "message": "no such image", "nextRetry": "soon"},
    }  # fmt: skip
    found = {"steps": [{"action": "pullImage", "image": "red:1"}], "services": [row]}
    assert shown.plan(found, explain=False) == "pull image red:1"
    assert shown.plan(found, explain=True).splitlines()[1:] == [
        "",
        "service s (web): running",
        "  environment.A: changed",
        "  s: pull: no such image; next try soon",
    ]
    assert shown.plan({"steps": [], "services": [row]}, explain=False) == "nothing to do now"
