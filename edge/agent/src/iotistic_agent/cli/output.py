"""How a command's answer is printed, and how a person is asked."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from iotistic_agent.cli.client import Exit, Failed
from iotistic_agent.cli.tables import json_text

__all__ = ["confirm", "say"]


def say(asked: argparse.Namespace, found: Any, text: Callable[[], str]) -> Exit:
    """Print ``found`` as JSON where that is asked for, else ``text()``."""
    said = json_text(found, indent=2) if asked.json else text()
    sys.stdout.write(f"{said}\n")
    return Exit.DONE


def confirm(asked: argparse.Namespace, what: str) -> None:
    """Ask whether to go on, unless ``--yes`` said so; Failed when the answer isn't yes."""
    if asked.yes:
        return
    if not sys.stdin.isatty():
        raise Failed(Exit.USAGE, f"{what}: say --yes, as there is nobody to ask")
    sys.stderr.write(f"{what} Go on? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Failed(Exit.REFUSED, "nothing was done")
