# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Readers of values that hold no others: text, numbers, booleans, times, words."""

import re
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Literal

from .errors import ContractError
from .times import parse_time

__all__ = [
    "PLAIN_READERS",
    "Reader",
    "Unknown",
    "is_integer",
    "kind_of",
    "read_enum",
    "read_literal",
]

Unknown = Literal["refuse", "keep"]
Reader = Callable[[object, Unknown], Any]

_KINDS: tuple[tuple[Any, str], ...] = (
    (bool, "true or false"),
    (int | float, "a number"),
    (str, "text"),
    (Mapping, "an object"),
    (list | tuple, "a list"),
    (types.NoneType, "null"),
)


def read_enum(cls: type[Enum]) -> Reader:
    """Return what reads the words of ``cls``."""
    words = {word.value: word for word in cls}

    def read_word(value: object, _: Unknown) -> object:
        if isinstance(value, str) and value in words:
            return words[value]
        raise ContractError("", f"one of {', '.join(map(str, words))}, not {_shown(value)}")

    return read_word


def read_literal(hint: Any) -> Reader:
    """Return what reads the values of a ``Literal``."""
    words = typing.get_args(hint)

    def read_word(value: object, _: Unknown) -> object:
        for word in words:
            if value == word and isinstance(value, bool) is isinstance(word, bool):
                return word
        raise ContractError("", f"one of {', '.join(map(str, words))}, not {_shown(value)}")

    return read_word


def _text(value: object, _: Unknown) -> str:
    if isinstance(value, str):
        return str(value)
    hint = "; quote it" if isinstance(value, int | float) else ""
    raise ContractError("", f"expected text, not {kind_of(value)}{hint}")


def is_integer(value: object) -> bool:
    """Return whether ``value`` is an integer; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _integer(value: object, _: Unknown) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise ContractError("", f"expected an integer, not {kind_of(value)}")


def _number(value: object, _: Unknown) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ContractError("", f"expected a number, not {kind_of(value)}")


def _boolean(value: object, _: Unknown) -> bool:
    if isinstance(value, bool):
        return value
    raise ContractError("", f"expected true or false, not {kind_of(value)}")


def _time(value: object, _: Unknown) -> datetime:
    return parse_time(_text(value, _))


def kind_of(value: object) -> str:
    """Return what a person calls the kind of ``value``."""
    for kind, words in _KINDS:
        if isinstance(value, kind):
            return words
    return type(value).__name__


def _shown(value: object) -> str:
    plain = isinstance(value, str) and re.fullmatch(r"[\w.:-]{1,40}", value)
    return repr(value) if plain else kind_of(value)


PLAIN_READERS: Mapping[Any, Reader] = {
    bool: _boolean,
    datetime: _time,
    float: _number,
    int: _integer,
    str: _text,
}
