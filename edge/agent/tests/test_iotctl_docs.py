"""The guide names every command, exit code and route."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from iotistic_agent.api.routes import ROUTES
from iotistic_agent.cli.client import Exit
from iotistic_agent.cli.commands import COMMANDS
from iotistic_agent.cli.words import new_parser

GUIDE = (Path(__file__).parents[3] / "docs/iotctl.md").read_text()


def commands(parser: argparse.ArgumentParser, *before: str) -> Iterator[tuple[str, ...]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield (*before, name)
                yield from commands(inner, *before, name)


ALL = list(commands(new_parser(Path("/x"))))


def test_each_command_is_carried_out():
    assert {words[0] for words in ALL} == COMMANDS.keys()


@pytest.mark.parametrize("words", [words for words in ALL if words != ("diag",)], ids=" ".join)
def test_each_command_is_in_the_guide(words):
    lines = [line for line in GUIDE.splitlines() if line.startswith(f"iotctl {words[0]}")]
    assert any(re.search(rf"(?<!\w){re.escape(words[-1])}(?!\w)", line) for line in lines)


@pytest.mark.parametrize("code", list(Exit))
def test_each_exit_code_is_in_the_guide(code):
    assert re.search(rf"^\| {code} \| [\w`]", GUIDE, re.MULTILINE)


def test_each_route_is_in_the_guide():
    """Braces hold what is chosen from: ``/{start,stop}``."""
    table = "\n".join(line for line in GUIDE.splitlines() if line.startswith("| `"))
    for route in ROUTES:
        parts = [part for part in route.path.split("/")[1:] if not part.startswith("{")]
        assert all(re.search(rf"[/{{,]{re.escape(part)}\b", table) for part in parts), route.path
        assert route.method in table
