"""Differences between documents, as rows of text."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ChangeRow", "change_rows", "json_text"]

_OPS = {"add", "remove", "change"}


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One difference: where, and what stood there before and after."""

    op: str
    path: str
    before_text: str
    after_text: str


def change_rows(changes: Iterable[Mapping[str, Any]] | None) -> list[ChangeRow]:
    """Return the rows of the API's ``diff``."""
    return [
        ChangeRow(
            op=one["op"] if one.get("op") in _OPS else "change",
            path=_path(one.get("path")),
            before_text=json_text(one.get("before")),
            after_text=json_text(one.get("after")),
        )
        for one in changes or ()
    ]


def json_text(value: object) -> str:
    """Return a value as JSON that people read, text without its quotes."""
    return value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False)


def _path(path: object) -> str:
    if isinstance(path, list):
        return "/".join(map(str, path))
    return str(path or "").removeprefix("/") or "everything"
