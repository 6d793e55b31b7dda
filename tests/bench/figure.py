"""A measured figure, and how it is printed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Figure:
    """``value`` in ``unit``; ``beside`` is what was measured in the same run to compare with."""

    name: str
    value: float
    unit: str
    bar: float
    beside: float | None = None
    at_most: bool = True

    @property
    def holds(self) -> bool:
        """Whether the figure is on the right side of its bar."""
        return self.value <= self.bar if self.at_most else self.value >= self.bar

    @property
    def ratio(self) -> float | None:
        """Value over what stands beside it."""
        return self.value / self.beside if self.beside else None

    def as_json(self) -> str:
        """One JSON object in a line."""
        return json.dumps(
            {
                "name": self.name,
                "value": round(self.value, 4),
                "unit": self.unit,
                "beside": self.beside,
                "ratio": self.ratio,
                "bar": self.bar,
                "holds": self.holds,
            }
        )


def table(figures: Iterable[Figure]) -> str:
    """Return a table for people."""
    lines = [f"{'figure':44} {'value':>10} {'bar':>10} {'unit':6} holds"]
    for figure in figures:
        sign = "<=" if figure.at_most else ">="
        lines.append(
            f"{figure.name:44} {figure.value:10.3f} {sign + format(figure.bar, '.3g'):>10} "
            f"{figure.unit:6} {'yes' if figure.holds else 'NO'}"
        )
    return "\n".join(lines)
