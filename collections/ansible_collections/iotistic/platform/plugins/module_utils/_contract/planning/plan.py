# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""A plan: what would change, as a value that check mode, diff and the real run all read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..codec import encode

__all__ = ["Api", "Plan"]


class Api(Protocol):
    """Carries out steps, one at a time; raises when one can't be done."""

    def apply(self, step: Any) -> object:
        """Carry out ``step``."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The way from ``before`` to ``after``, in ``steps``; nothing to do when there are none.

    ``before`` and ``after`` are JSON objects without secrets. ``notes`` are sentences that a
    person wants to see beside the diff, also when nothing changes.
    """

    before: Mapping[str, object]
    after: Mapping[str, object]
    steps: tuple[Any, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def changed(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.steps)

    @property
    def diff(self) -> dict[str, str]:
        """Ansible's diff: both texts with their headers, and the notes as ``prepared`` text."""
        texts = {
            "before": readable(self.before),
            "after": readable(self.after),
            "before_header": "is",
            "after_header": "wanted",
        }
        return texts | ({"prepared": "\n".join(self.notes) + "\n"} if self.notes else {})

    def result(self) -> dict[str, object]:
        """Return what a module exits with: ``changed`` and ``diff``."""
        return {"changed": self.changed, "diff": self.diff}

    def apply(self, api: Api) -> None:
        """Carry out the steps in their order."""
        for step in self.steps:
            api.apply(step)


def readable(document: Mapping[str, object]) -> str:
    """Return ``document`` as sorted, indented JSON that ends in a line feed; "" when empty."""
    if not document:
        return ""
    return json.dumps(encode(document), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
