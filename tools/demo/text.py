"""How things look on a screen: columns, times, plurals."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["columns", "duration", "table"]


def table(rows: Iterable[Sequence[str]], indent: int = 2) -> list[str]:
    """Return rows as lines with aligned columns, without blanks at their ends."""
    cells = [list(row) for row in rows]
    widths = [max((len(row[at]) for row in cells if at < len(row)), default=0) for at in range(9)]
    return [
        " " * indent + "  ".join(f"{cell:<{widths[at]}}" for at, cell in enumerate(row)).rstrip()
        for row in cells
    ]


def columns(names: Sequence[str]) -> str:
    """Return names side by side, as a shell shows what may follow."""
    width = max((len(name) for name in names), default=0) + 2
    each_line = max(1, (shutil.get_terminal_size().columns - 2) // width)
    lines = [names[at : at + each_line] for at in range(0, len(names), each_line)]
    return "\n".join("  " + "".join(f"{name:<{width}}" for name in line).rstrip() for line in lines)


def duration(seconds: float) -> str:
    """Return seconds for people: ``8 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``."""
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    if whole < 172800:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
