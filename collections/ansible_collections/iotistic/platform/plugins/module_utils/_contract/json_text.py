# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Reading JSON that came from outside, with the limits of the wire."""

import json
import math
import re
from collections.abc import Iterator
from typing import NoReturn

from .errors import ContractError, MalformedJson, escape

__all__ = ["MAX_DEPTH", "parse_json"]

MAX_DEPTH = 32
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


def parse_json(content: bytes) -> object:
    """Return the JSON value that ``content`` holds.

    Bad UTF-8, bad syntax, NaN and infinities, duplicate names and more than 32 levels raise
    ``MalformedJson``; NUL and lone surrogates in text raise ``ContractError`` with the pointer.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise MalformedJson(f"not UTF-8 at byte {exc.start}") from None
    try:
        value: object = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float
        )
    except RecursionError:
        raise MalformedJson(f"deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as exc:
        raise MalformedJson(f"not JSON: {exc.msg} at character {exc.pos}") from None
    except MalformedJson:
        raise
    except ValueError:
        raise MalformedJson("a number of too many digits") from None
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    if _SUSPECT.search(text):
        _check_texts(value)
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise MalformedJson(f"the name {repeated[:64]!r} stands twice in one object")
    return members


def _constant(word: str) -> NoReturn:
    raise MalformedJson(f"{word} is no JSON number")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise MalformedJson("a number out of range")
    return number


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        children = (child for parent in level for _, child in _children(parent))
        level = [child for child in children if isinstance(child, dict | list)]
        if not level:
            return
    raise MalformedJson(f"deeper than {MAX_DEPTH} levels")


def _check_texts(value: object) -> None:
    waiting = [("", value)]
    while waiting:
        pointer, current = waiting.pop()
        if isinstance(current, str):
            _check_text(pointer, current)
        for key, child in _children(current):
            below = f"{pointer}/{escape(key)}"
            if isinstance(key, str):
                _check_text(pointer, key)
            waiting.append((below, child))


def _check_text(pointer: str, text: str) -> None:
    if "\0" in text:
        raise ContractError(pointer, "text with a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ContractError(pointer, "text with a lone surrogate")


def _children(value: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)
