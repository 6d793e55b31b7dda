"""Bodies of requests: one table of members for reading them and for describing them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iotistic_agent.api.http import Problem
from iotistic_contract.codec import parse_json
from iotistic_contract.errors import ContractError, MalformedJson
from iotistic_contract.problems import Code

__all__ = ["OWNER", "REASON", "Body", "Member", "constant", "number", "text"]


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its JSON Schema, of which what is used here is checked."""

    schema: Mapping[str, Any]
    required: bool = False

    def objection(self, value: object) -> str | None:
        """Return what is wrong with ``value``, None when nothing is."""
        schema = self.schema
        match schema.get("type"):
            case "string":
                return _text_objection(schema, value)
            case "integer":
                least, most = schema["minimum"], schema["maximum"]
                fits = type(value) is int and least <= value <= most
                return None if fits else f"not a whole number from {least} to {most}"
        return None if _is_word(value, schema) else _one_of(schema)


@dataclass(frozen=True, slots=True)
class Body:
    """The members that a body may have; another one is refused."""

    members: Mapping[str, Member]

    def read(self, content: bytes) -> dict[str, Any]:
        """Return the members that are given; Problem points to the one that is wrong.

        No content at all is an empty object. A refusal never quotes a value.
        """
        body = _object(content)
        for name, value in body.items():
            member = self.members.get(name)
            if member is None:
                raise Problem(Code.INVALID, "no such member", f"/{_escaped(name)}")
            objection = member.objection(value)
            if objection is not None:
                raise Problem(Code.INVALID, objection, f"/{name}")
        for name, member in self.members.items():
            if member.required and name not in body:
                raise Problem(Code.INVALID, "missing", f"/{name}")
        return body

    def schema(self) -> dict[str, object]:
        """Return the JSON Schema."""
        required = [name for name, member in self.members.items() if member.required]
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: dict(each.schema) for name, each in self.members.items()},
            **({"required": required} if required else {}),
        }


def text(description: str, most: int = 256, *, required: bool = False) -> Member:
    """Return a member of 1 to ``most`` printable characters."""
    schema = {"type": "string", "minLength": 1, "maxLength": most, "description": description}
    return Member(schema, required)


def number(description: str, least: int, most: int, *, required: bool = False) -> Member:
    """Return a member that is a whole number."""
    schema = {"type": "integer", "minimum": least, "maximum": most, "description": description}
    return Member(schema, required)


def constant(word: str, description: str) -> Member:
    """Return a member that has to be ``word``: a confirmation."""
    return Member({"const": word, "description": description}, required=True)


OWNER = Member(
    {
        "type": "string",
        "pattern": "^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$",
        "description": "who asks for it",
    }
)
REASON = text("why, for people")


def _object(content: bytes) -> dict[str, Any]:
    if not content.strip():
        return {}
    try:
        body = parse_json(content)
    except MalformedJson as exc:
        raise Problem(Code.MALFORMED, str(exc)) from None
    except ContractError as exc:
        raise Problem(Code.INVALID, exc.detail, exc.pointer) from None
    if not isinstance(body, dict):
        raise Problem(Code.INVALID, "not an object", "")
    return body


def _text_objection(schema: Mapping[str, Any], value: object) -> str | None:
    if not isinstance(value, str):
        return "not text"
    if "pattern" in schema:
        return (
            None
            if re.fullmatch(schema["pattern"], value)
            else f"not in the form {schema['pattern']}"
        )
    least, most = schema["minLength"], schema["maxLength"]
    fits = least <= len(value) <= most and value.isprintable() and value.strip()
    return None if fits else f"not {least} to {most} printable characters"


def _is_word(value: object, schema: Mapping[str, Any]) -> bool:
    return isinstance(value, str) and value in _words(schema)


def _one_of(schema: Mapping[str, Any]) -> str:
    return f"not {' or '.join(_words(schema))}"


def _words(schema: Mapping[str, Any]) -> list[str]:
    return list(schema["enum"]) if "enum" in schema else [schema["const"]]


def _escaped(name: str) -> str:
    """Return ``name`` as a part of a JSON pointer (RFC 6901), not longer than it helps."""
    return name.replace("~", "~0").replace("/", "~1")[:64]
