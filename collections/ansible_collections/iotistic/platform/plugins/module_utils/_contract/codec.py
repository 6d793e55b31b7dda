# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""One decoder and one encoder for every document of the contract."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

from .base64url import b64u_decode, b64u_encode
from .canonical_json import canonical
from .errors import ContractError
from .json_text import parse_json
from .readers import Unknown, camel, members, reader
from .times import format_time, parse_time

__all__ = [
    "OMIT_DEFAULT",
    "Unknown",
    "b64u_decode",
    "b64u_encode",
    "camel",
    "canonical",
    "check_fields",
    "count_unknown",
    "decode",
    "encode",
    "format_time",
    "parse_json",
    "parse_time",
]

Value = TypeVar("Value")

OMIT_DEFAULT: Mapping[str, object] = {"omit_default": True}
"""``field(metadata=OMIT_DEFAULT)``: left out by ``encode`` while it has its default."""


def decode(cls: type[Value], mapping: object, unknown: Unknown = "refuse") -> Value:
    """Return the ``cls`` (a dataclass of the contract) that the JSON object ``mapping`` describes.

    Names are camelCase, or ``metadata={"wire": name}``; null means absent. An unknown key raises
    with ``refuse``; with ``keep`` it goes into the field ``extra`` where there is one, unknown
    words of ``SomeEnum | str`` fields stay text, and numbers for ids become text. Every
    ``ContractError`` points to the value.
    """
    hint: Any = cls
    return cast("Value", reader(hint)(mapping, unknown))


def encode(value: object) -> Any:
    """Return the JSON value of ``value``: dataclasses become objects with camelCase names.

    Left out are fields that are None or empty by default and still are. ``extra`` goes back to
    where its keys came from.
    """
    if isinstance(value, str | int | float) and not isinstance(value, Enum):
        return value
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list | frozenset):
        items = [encode(item) for item in value]
        return sorted(items) if isinstance(value, frozenset) else items
    return _encode_one(value)


def check_fields(value: object) -> None:
    """Run the rules of ``value``'s ``Annotated`` fields; for ``__post_init__``."""
    for member in members(_class_of(value)):
        content = getattr(value, member.name) if member.rules else None
        if content is not None:
            try:
                for rule in member.rules:
                    rule(content)
            except ContractError as exc:
                raise exc.under(member.wire) from None


def count_unknown(value: object) -> int:
    """Return how many unknown keys ``decode(…, unknown="keep")`` left in ``extra`` fields."""
    if is_dataclass(value) and not isinstance(value, type):
        own = len(getattr(value, "extra", None) or ())
        names = (field.name for field in fields(value) if field.name != "extra")
        return own + sum(count_unknown(getattr(value, name)) for name in names)
    if isinstance(value, Mapping):
        return sum(map(count_unknown, value.values()))
    return sum(map(count_unknown, value)) if isinstance(value, tuple | list) else 0


def _encode_one(value: object) -> object:
    if hasattr(value, "to_wire"):
        return value.to_wire()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return format_time(value)
    return _encode_object(value) if is_dataclass(value) else value


def _encode_object(value: object) -> dict[str, object]:
    written: dict[str, object] = {}
    for name, wire, omitted in _written(_class_of(value)):
        content = getattr(value, name)
        if not any(content == one and type(content) is type(one) for one in omitted):
            written[wire] = encode(content)
    return {**(getattr(value, "extra", None) or {}), **written}


def _class_of(value: object) -> Any:
    return type(value)


@cache
def _written(cls: Any) -> tuple[tuple[str, str, tuple[object, ...]], ...]:
    """Return name, wire name and the contents that are left out, for each field of ``cls``."""
    by_name = {field.name: field for field in fields(cls)}
    return tuple(
        (member.name, member.wire, _omitted(by_name[member.name])) for member in members(cls)
    )


def _omitted(field: "Field[Any]") -> tuple[object, ...]:
    make = field.default_factory
    default = field.default if make is MISSING else make()
    if default is None or default in ((), {}, frozenset()) or field.metadata.get("omit_default"):
        return (default,)
    return ()
