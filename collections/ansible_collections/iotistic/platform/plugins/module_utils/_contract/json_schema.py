# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""JSON Schema (2020-12) of the contract's documents, from the hints that ``decode`` reads."""

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal

from .readers import hints_of, members

__all__ = ["json_schema"]

Schema = dict[str, Any]
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
}


def json_schema(cls: type, *, refuse_unknown: bool = True, ref: str = "#/$defs/{name}") -> Schema:
    """Return the schema of ``cls``; classes within it stand in ``$defs``, referred to by ``ref``.

    It says shapes and required keys. Rules between fields, forms of texts, and that null means
    absent are only in ``decode``. ``refuse_unknown`` False is for what is read with ``keep``.
    """
    writer = _Writer(ref, refuse_unknown=refuse_unknown)
    schema = writer.object_of(cls)
    return {**schema, **({"$defs": writer.defs} if writer.defs else {})}


class _Writer:
    def __init__(self, ref: str, *, refuse_unknown: bool) -> None:
        self.defs: dict[str, Schema] = {}
        self._ref = ref
        self._refuse_unknown = refuse_unknown

    def object_of(self, cls: Any) -> Schema:
        hints = hints_of(cls)
        known = members(cls)
        required = [member.wire for member in known if member.required]
        return {
            "type": "object",
            "description": (cls.__doc__ or "").partition("\n")[0],
            "properties": {member.wire: self.of(hints[member.name]) for member in known},
            **({"required": required} if required else {}),
            **({"additionalProperties": False} if self._refuse_unknown else {}),
        }

    def of(self, hint: Any) -> Schema:
        """Return the schema of one hint."""
        arguments = typing.get_args(hint)
        write = self._origins().get(typing.get_origin(hint))
        if write is not None:
            return write(arguments)
        if hint in _PLAIN:
            return dict(_PLAIN[hint])
        if hasattr(hint, "wire_schema"):
            return dict(hint.wire_schema)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return {"enum": [word.value for word in hint]}
        return self._referred(hint) if is_dataclass(hint) else {}

    def _origins(self) -> dict[Any, Callable[[tuple[Any, ...]], Schema]]:
        return {
            Annotated: lambda of: self.of(of[0]),
            Literal: lambda of: {"enum": list(of)},
            Mapping: lambda of: {"type": "object", "additionalProperties": self.of(of[1])},
            frozenset: lambda of: {"type": "array", "uniqueItems": True, "items": self.of(of[0])},
            tuple: lambda of: {"type": "array", "items": self.of(of[0])},
            types.UnionType: self._union,
            typing.Union: self._union,
        }

    def _union(self, options: tuple[Any, ...]) -> Schema:
        others = [option for option in options if option is not types.NoneType]
        schemas = [self.of(option) for option in others]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}

    def _referred(self, cls: Any) -> Schema:
        name = cls.__name__
        if name not in self.defs:
            self.defs[name] = {}
            self.defs[name] = self.object_of(cls)
        return {"$ref": self._ref.format(name=name)}
