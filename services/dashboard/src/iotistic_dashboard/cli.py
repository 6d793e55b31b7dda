"""``iotistic-dashboard serve``."""

import argparse
from collections.abc import Sequence

from iotistic_dashboard.settings import Settings
from iotistic_kit.cli import run
from iotistic_kit.serve import serve
from iotistic_kit.settings import read_settings

__all__ = ["main"]


def main() -> int:
    """Run the command; settings come from the environment."""
    return run(command)


def command(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="iotistic-dashboard", description=__doc__)
    parser.add_argument("command", choices=["serve"], help="serve the page")
    parser.parse_args(arguments)
    serve("iotistic_dashboard.runtime:make_app", read_settings(Settings))
    return 0
