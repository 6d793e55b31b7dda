"""What differs between two specs, as a person may see it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import escape
from .secret import MASK, NEW_SECRET

__all__ = ["Change", "diff", "masked"]

_ABSENT = object()
_ID = "serviceId"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference. ``path`` is a JSON pointer in which a service stands by its id.

    ``op`` is ``add``, ``remove`` or ``change``; what isn't there is None. No value is a secret.
    """

    path: str
    op: str
    before: Any = None
    after: Any = None

    def to_wire(self) -> dict[str, object]:
        """Return ``{path, op, before, after}``, with nulls."""
        return {"path": self.path, "op": self.op, "before": self.before, "after": self.after}


def diff(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[Change, ...]:
    """Return the changes from one JSON document (apps, config, …) to the other, by path.

    Objects and services are compared member by member, other lists as a whole. None is an empty
    document. Secrets are compared by their HMACs and shown as a mask.
    """
    return tuple(_differences("", before or {}, after or {}))


def masked(document: Any) -> Any:
    """Return the JSON value with a mask in each secret's place."""
    if isinstance(document, list):
        return [masked(item) for item in document]
    if not isinstance(document, Mapping):
        return document
    return {
        name: dict.fromkeys(value, MASK) if _holds_secrets(name, value) else masked(value)
        for name, value in document.items()
    }


def _differences(path: str, before: Any, after: Any) -> Iterator[Change]:
    one, other = _members(before), _members(after)
    if one is None or other is None:
        if before != after:
            yield _change(path, before, after)
        return
    for name in sorted(one.keys() | other.keys()):
        was, becomes = one.get(name, _ABSENT), other.get(name, _ABSENT)
        below = f"{path}/{escape(name)}"
        if was is _ABSENT or becomes is _ABSENT:
            yield _change(below, was, becomes)
        elif _holds_secrets(name, was) and _holds_secrets(name, becomes):
            yield from _secret_differences(below, was, becomes)
        else:
            yield from _differences(below, was, becomes)


def _secret_differences(
    path: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        below = f"{path}/{escape(name)}"
        if name not in after:
            yield Change(path=below, op="remove", before=MASK)
        elif name not in before:
            yield Change(path=below, op="add", after=MASK)
        elif before[name] != after[name]:
            yield Change(path=below, op="change", before=MASK, after=NEW_SECRET)


def _change(path: str, before: Any, after: Any) -> Change:
    name = path.rpartition("/")[2]
    was, becomes = (_shown(name, value) for value in (before, after))
    if before is _ABSENT:
        return Change(path=path, op="add", after=becomes)
    if after is _ABSENT:
        return Change(path=path, op="remove", before=was)
    return Change(path=path, op="change", before=was, after=becomes)


def _shown(name: str, value: Any) -> Any:
    return None if value is _ABSENT else masked({name: value})[name]


def _holds_secrets(name: object, value: object) -> bool:
    return name == "secrets" and isinstance(value, Mapping)


def _members(value: Any) -> Mapping[str, Any] | None:
    """Return what is compared by name: an object's members, a list's services by id."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, list):
        return None
    named = {str(item[_ID]): item for item in value if isinstance(item, Mapping) and _ID in item}
    return named if len(named) == len(value) else None
