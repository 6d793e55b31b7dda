# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Mounts: ``name:/path[:ro]`` for a named volume, ``/host/path:/path[:ro]`` for a bind."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Self

from .errors import ContractError

__all__ = ["AbsolutePath", "Volume", "check_path"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


def check_path(text: str) -> str:
    """Return ``text`` when it is an absolute path without ``..``, ``.``, ``//`` and ``:``."""
    normal = str(PurePosixPath(text))
    plain = text.startswith("/") and ".." not in normal.split("/") and ":" not in text
    if not plain or normal.startswith("//") or normal != (text.rstrip("/") or "/"):
        raise ContractError("", "not an absolute, plain path")
    return text


AbsolutePath = Annotated[str, check_path]


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Volume:
    """One mount; ``source`` is a volume's name, or a path of the host when it begins with /."""

    source: str
    target: str
    read_only: bool = False
    wire_schema: ClassVar[Mapping[str, object]] = {
        "type": "string",
        "examples": ["data:/var/lib/app", "data:/etc/app:ro"],
    }

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """Return the mount that ``value`` writes; raises ``ContractError``."""
        parts = value.split(":") if isinstance(value, str) else []
        if len(parts) not in (2, 3) or parts[2:] not in ([], ["ro"], ["rw"]):
            raise ContractError("", "not a volume such as data:/var/lib/app or data:/etc/app:ro")
        source, target = parts[0], parts[1]
        if not source.startswith("/") and not _NAME.fullmatch(source):
            raise ContractError("", "the part before the first colon is no volume's name or path")
        target = target.rstrip("/") or "/"
        if check_path(target) == "/":
            raise ContractError("", "nothing can be mounted over /")
        source = check_path(source.rstrip("/") or "/") if source.startswith("/") else source
        return cls(source=source, target=target, read_only=parts[2:] == ["ro"])

    def to_wire(self) -> str:
        """Return the text that ``from_wire`` reads as this."""
        return f"{self.source}:{self.target}" + ":ro" * self.read_only

    @property
    def is_bind(self) -> bool:
        """Whether the host's own path is mounted."""
        return self.source.startswith("/")
