"""Reads the command line, does what it says, and ends with the code that says how it went."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from iotistic_agent.cli import completion
from iotistic_agent.cli.client import Client, Exit, Failed
from iotistic_agent.cli.commands import COMMANDS
from iotistic_agent.cli.tables import clean
from iotistic_agent.cli.words import new_parser

__all__ = ["main"]

STATE_DIR = "/var/lib/iotistic"


def main() -> int:
    """Run ``iotctl``; the codes are those of ``Exit``."""
    environment = os.environ  # noqa: TID251 -- the program's own start
    parser = new_parser(_socket(environment), _user(environment))
    words = sys.argv[1:]
    if words[:1] == [completion.ASKING]:
        return _complete(parser, words[1:])
    asked = parser.parse_args(words)
    try:
        code = COMMANDS[asked.command](asked, Client(asked.socket))
        sys.stdout.flush()
    except Failed as exc:
        sys.stderr.write(f"iotctl: {clean(exc)}\n")
        return exc.exit
    except BrokenPipeError:  # whoever reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return code


def _socket(environment: Mapping[str, str]) -> Path:
    """Return where the agent that has the same environment listens."""
    told = environment.get("LOCAL_API_SOCKET")
    return Path(told) if told else Path(environment.get("STATE_DIR") or STATE_DIR) / "agent.sock"


def _user(environment: Mapping[str, str]) -> str:
    """Return who types this, behind sudo too, as far as the environment tells."""
    name = environment.get("SUDO_USER") or environment.get("USER") or environment.get("LOGNAME")
    kept = "".join(
        each for each in name or "" if each.isascii() and (each.isalnum() or each in "._@-")
    )
    return kept.lstrip("._@-")[:64] or "iotctl"


def _complete(parser: argparse.ArgumentParser, words: Sequence[str]) -> int:
    """Print candidates, one a line; an agent that doesn't answer only has no ids."""
    client = Client(parser.get_default("socket"))
    for each in completion.candidates(parser, words, _ids(client)):
        sys.stdout.write(f"{each}\n")
    return Exit.DONE


def _ids(client: Client) -> dict[str, Callable[[], list[str]]]:
    def listed(kind: str, member: str) -> Callable[[], list[str]]:
        def look() -> list[str]:
            try:
                return [str(row[member]) for row in client.get("v2", kind)[kind]]
            except Failed:
                return []

        return look

    def settings() -> list[str]:
        try:
            return list(client.get("v2", "config")["settings"])
        except Failed:
            return []

    return {
        "owner": listed("leases", "owner"),
        "service": listed("services", "serviceId"),
        "app": listed("apps", "appId"),
        "setting": settings,
        "key": lambda: ["status"],
    }
