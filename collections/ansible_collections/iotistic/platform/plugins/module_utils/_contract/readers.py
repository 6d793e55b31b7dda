# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""How ``decode`` reads each kind of type hint; compiled once per class."""

import difflib
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal

from .errors import ContractError
from .plain_readers import (
    PLAIN_READERS,
    Reader,
    Unknown,
    is_integer,
    kind_of,
    read_enum,
    read_literal,
)

__all__ = ["Identifier", "Member", "Reader", "Unknown", "hints_of", "members", "reader"]

Rule = Callable[[Any], object]

# Names that modules may import for their annotations only.
_ANNOTATION_NAMES: dict[str, Any] = {
    "Mapping": Mapping,
    "Sequence": Sequence,
    "datetime": datetime,
    "Any": Any,
}


class _FromNumber:
    """Marks text that devices of old wrote as a number."""


Identifier = Annotated[str, _FromNumber()]
"""An id: text everywhere; an integer is taken from devices only (``unknown="keep"``)."""


@dataclass(frozen=True, slots=True)
class Member:
    """One field of a dataclass as it stands on the wire."""

    name: str
    wire: str
    read: Reader
    rules: tuple[Rule, ...]
    required: bool


def hints_of(cls: Any) -> dict[str, Any]:
    """Return the type hints of the dataclass ``cls``, ``Annotated`` kept."""
    return typing.get_type_hints(cls, localns=_ANNOTATION_NAMES, include_extras=True)


@cache
def members(cls: Any) -> tuple[Member, ...]:
    """Return the fields of the dataclass ``cls``; ``extra`` is none of them."""
    hints = hints_of(cls)
    return tuple(
        Member(
            name=field.name,
            wire=field.metadata.get("wire") or camel(field.name),
            read=reader(hints[field.name]),
            rules=_rules(hints[field.name]),
            required=_required(field),
        )
        for field in fields(cls)
        if field.init and field.name != "extra"
    )


@cache
def reader(hint: Any) -> Reader:
    """Return the function that reads a JSON value as ``hint``."""
    compile_origin = _ORIGINS.get(typing.get_origin(hint))
    if compile_origin is not None:
        return compile_origin(hint)
    return _class(hint) if isinstance(hint, type) else _any


def camel(name: str) -> str:
    """Return ``some_name`` as ``someName``."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def _class(cls: type) -> Reader:
    if hasattr(cls, "from_wire"):
        return lambda value, _: cls.from_wire(value)
    if is_dataclass(cls):
        return lambda value, unknown: _read_object(cls, value, unknown)
    if issubclass(cls, Enum):
        return read_enum(cls)
    return PLAIN_READERS.get(cls, _any)


def _read_object(cls: type, value: object, unknown: Unknown) -> object:
    if not isinstance(value, Mapping):
        raise ContractError("", f"expected an object, not {kind_of(value)}")
    known = members(cls)
    strange = value.keys() - {member.wire for member in known}
    found = _strangers(cls, value, strange, unknown) if strange else {}
    for member in known:
        content = value.get(member.wire)
        if content is not None:
            found[member.name] = _under(member.wire, member.read, content, unknown)
        elif member.required:
            raise ContractError(member.wire, "is required")
    return cls(**found)


def _strangers(
    cls: type, value: Mapping[str, object], strange: set[str], unknown: Unknown
) -> dict[str, object]:
    if unknown == "refuse":
        raise _unknown_key(min(strange, key=str), [member.wire for member in members(cls)])
    if any(field.name == "extra" for field in fields(cls)):
        return {"extra": {key: value[key] for key in value if key in strange}}
    return {}


def _unknown_key(key: object, known: list[str]) -> ContractError:
    if not isinstance(key, str):
        return ContractError("", f"a key that is no text: {key!r}; quote it")
    near = difflib.get_close_matches(key, known, n=1)
    return ContractError("", "unknown key" + (f"; meant {near[0]}?" if near else "")).under(key)


def _under(key: str | int, read: Reader, value: object, unknown: Unknown) -> Any:
    try:
        return read(value, unknown)
    except ContractError as exc:
        raise exc.under(key) from None


def _annotated(hint: Any) -> Reader:
    inner, *marks = typing.get_args(hint)
    read = reader(inner)
    rules = _rules(hint)
    from_number = any(isinstance(mark, _FromNumber) for mark in marks)

    def read_annotated(value: object, unknown: Unknown) -> object:
        if from_number and unknown == "keep" and is_integer(value):
            value = str(value)
        content = read(value, unknown)
        for rule in rules:
            rule(content)
        return content

    return read_annotated


def _rules(hint: Any) -> tuple[Rule, ...]:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        options = [option for option in typing.get_args(hint) if option is not types.NoneType]
        return _rules(options[0]) if len(options) == 1 else ()
    if typing.get_origin(hint) is not Annotated:
        return ()
    return tuple(mark for mark in typing.get_args(hint)[1:] if callable(mark))


def _union(hint: Any) -> Reader:
    others = [option for option in typing.get_args(hint) if option is not types.NoneType]
    if len(others) == 1:
        return reader(others[0])
    words = [option for option in others if isinstance(option, type) and issubclass(option, Enum)]
    if words and str in others:
        return _open_enum(words[0])
    readers = [reader(option) for option in others]

    def read_first(value: object, unknown: Unknown) -> object:
        errors = []
        for read in readers:
            try:
                return read(value, unknown)
            except ContractError as exc:
                errors.append(exc)
        raise max(errors, key=lambda error: error.pointer.count("/"))

    return read_first


def _open_enum(cls: type[Enum]) -> Reader:
    strict = read_enum(cls)

    def read_word(value: object, unknown: Unknown) -> object:
        try:
            return strict(value, unknown)
        except ContractError:
            if unknown == "keep" and isinstance(value, str):
                return value
            raise

    return read_word


def _list(hint: Any) -> Reader:
    read, make = reader(typing.get_args(hint)[0]), typing.get_origin(hint)

    def read_list(value: object, unknown: Unknown) -> object:
        if not isinstance(value, list | tuple):
            raise ContractError("", f"expected a list, not {kind_of(value)}")
        return make([_under(index, read, item, unknown) for index, item in enumerate(value)])

    return read_list


def _mapping(hint: Any) -> Reader:
    read = reader(typing.get_args(hint)[1])

    def read_mapping(value: object, unknown: Unknown) -> object:
        if not isinstance(value, Mapping):
            raise ContractError("", f"expected an object, not {kind_of(value)}")
        for key in value:
            if not isinstance(key, str):
                raise ContractError("", f"a key that is no text: {key!r}; quote it")
        return {key: _under(key, read, item, unknown) for key, item in value.items()}

    return read_mapping


def _any(value: object, _: Unknown) -> object:
    return value


def _required(field: "Field[Any]") -> bool:
    return field.default is MISSING and field.default_factory is MISSING


_ORIGINS: dict[Any, Callable[[Any], Reader]] = {
    Annotated: _annotated,
    Literal: read_literal,
    Mapping: _mapping,
    frozenset: _list,
    tuple: _list,
    types.UnionType: _union,
    typing.Union: _union,
}
