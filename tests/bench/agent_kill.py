"""Every point of every change, in every column: how many end in the old or the new set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.agent.tests.kills import CHANGES, COLUMNS, Disk, points_of, suffer
from tests.bench.agent_bench import a_bench
from tests.bench.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator


def run() -> Iterator[Figure]:
    """Print the matrix, steps by columns, and return the share of each column that held."""
    held = dict.fromkeys(COLUMNS, 0)
    done = dict.fromkeys(COLUMNS, 0)
    with a_bench() as bench, bench.bare_device() as device, Disk(device.folder / "state") as disk:
        for name, change in CHANGES.items():
            points = points_of(device, change, bench.image)
            print(f"\n{name}: {len(points)} points\n{'':4} {'point':24}", *COLUMNS)
            for number, point in enumerate(points, 1):
                words = []
                for column in COLUMNS:
                    outcome = suffer(device, disk, change, bench.image, number, column)
                    if outcome.point is None:
                        words.append("-".ljust(len(column)))
                        continue
                    done[column] += 1
                    held[column] += outcome.holds
                    words.append(("held" if outcome.holds else "LOST").ljust(len(column)))
                print(f"{number:4} {point:24}", *words, flush=True)
    for column in COLUMNS:
        share = 100 * held[column] / max(1, done[column])
        yield Figure(f"agent-kill: {column}, of {done[column]}", share, "%", 100, at_most=False)
