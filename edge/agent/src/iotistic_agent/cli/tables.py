"""Text for people: aligned columns, plain words, and nothing that a terminal obeys."""

import json
from collections.abc import Iterable, Sequence

__all__ = ["clean", "duration", "facts", "json_text", "table"]

_DAY, _HOUR, _MINUTE = 86_400, 3600, 60


def clean(text: object) -> str:
    """Return ``text`` without control characters: containers and clouds choose some of it."""
    shown = "-" if text is None or text == "" else str(text)
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in shown)


def json_text(found: object, indent: int | None = None) -> str:
    """Return JSON whose strings have every control character escaped, those above ASCII, too."""
    text = json.dumps(found, indent=indent, ensure_ascii=False)
    return "".join(
        each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return lines of columns, each as wide as its longest text."""
    cells = [list(head), *([clean(each) for each in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = (
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )
    return "\n".join(lines)


def facts(rows: Iterable[tuple[str, object]]) -> str:
    """Return a line for each name and value."""
    listed = [(name, clean(value)) for name, value in rows]
    width = max((len(name) for name, _ in listed), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in listed)


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    left = int(seconds)
    for size, unit, below, smaller in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if left >= size:
            return f"{left // size} {unit} {left % size // below} {smaller}"
    return f"{left} s"
