"""``./run bench [NAME ...] [--json FILE]``: measure, print a table, exit 1 below a bar."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.bench import agent, agent_kill, agent_pull, dashboard, deploy, fleet, license_gate
from tests.bench.figure import Figure, table

BENCHMARKS = {
    "agent": agent.run,
    "agent-kill": agent_kill.run,
    "agent-pull": agent_pull.run,
    "dashboard": dashboard.run,
    "deploy": deploy.run,
    "fleet": fleet.run,
    "license": license_gate.run,
}


def main() -> int:
    """Run the named benchmarks, all by default."""
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", type=Path, help="also write one JSON object a line to this file")
    known = parser.parse_args()
    unknown = set(known.names) - set(BENCHMARKS)
    if unknown:
        parser.error(
            f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}"
        )
    figures: list[Figure] = []
    for name in known.names or BENCHMARKS:
        figures += BENCHMARKS[name]()
    print(table(figures))
    if known.json:
        known.json.write_text("".join(f"{figure.as_json()}\n" for figure in figures))
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
