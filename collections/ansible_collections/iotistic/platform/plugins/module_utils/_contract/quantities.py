# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Durations, cores and bytes as people write them; equal when they mean the same."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Self

from .errors import ContractError

__all__ = ["Cpu", "Duration", "Memory"]

_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h))+", re.ASCII)
_DURATION_PART = re.compile(r"([\d.]+)(ms|s|m|h)", re.ASCII)
_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_CPU = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)|(\d{1,9})m", re.ASCII)
_MEMORY = re.compile(r"(\d{1,15}(?:\.\d{1,3})?)([KMGT]i?|k|B)?", re.ASCII)
_BINARY = {"Ti": 2**40, "Gi": 2**30, "Mi": 2**20, "Ki": 2**10}
_DECIMAL = {"T": 10**12, "G": 10**9, "M": 10**6, "K": 10**3}


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span of time, ``1m30s`` on the wire, in whole milliseconds."""

    milliseconds: int
    wire_schema: ClassVar[Mapping[str, object]] = {"type": "string", "examples": ["1m30s", "500ms"]}

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """Return the duration that ``value`` writes: numbers with h, m, s or ms, each unit once."""
        if not isinstance(value, str) or not _DURATION.fullmatch(value):
            raise ContractError("", "not a duration such as 90s, 1m30s or 500ms")
        parts = _DURATION_PART.findall(value)
        units = [unit for _, unit in parts]
        if units != sorted(set(units), key=list(_MILLISECONDS).index):
            raise ContractError("", "not a duration: units run from h to ms, each once")
        total = sum(Decimal(number) * _MILLISECONDS[unit] for number, unit in parts)
        if total != int(total):
            raise ContractError("", "not a duration: finer than a millisecond")
        return cls(int(total))

    def to_wire(self) -> str:
        """Return the shortest text that ``from_wire`` reads as this."""
        rest, text = self.milliseconds, ""
        for unit, size in _MILLISECONDS.items():
            count, rest = divmod(rest, size)
            text += f"{count}{unit}" if count else ""
        return text or "0s"

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return self.milliseconds / 1000


@dataclass(frozen=True, slots=True, order=True)
class Cpu:
    """A share of processor cores in thousandths: ``0.5`` and ``500m`` are half a core."""

    millicores: int
    wire_schema: ClassVar[Mapping[str, object]] = {
        "type": ["string", "number"],
        "examples": ["0.5", "500m"],
    }

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """Return the quantity that ``value`` (text or a number) writes; at least 10m."""
        text = str(value) if isinstance(value, int | float | str) else ""
        found = _CPU.fullmatch(text)
        if found is None:
            raise ContractError("", "not a number of cores such as 0.5, 2 or 500m")
        millicores = int(found[2]) if found[2] else int(Decimal(found[1]) * 1000)
        if millicores < 10:
            raise ContractError("", "less than 10m, the least that an engine takes")
        return cls(millicores)

    def to_wire(self) -> str:
        """Return whole cores as they are, parts in thousandths."""
        cores, rest = divmod(self.millicores, 1000)
        return f"{self.millicores}m" if rest else str(cores)


@dataclass(frozen=True, slots=True, order=True)
class Memory:
    """An amount of memory or storage in bytes: K, M, G, T are decimal, Ki, Mi, Gi, Ti binary."""

    octets: int
    wire_schema: ClassVar[Mapping[str, object]] = {
        "type": ["string", "integer"],
        "examples": ["128Mi", "1.5G"],
    }

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """Return the quantity that ``value`` (text, or a whole number of bytes) writes."""
        text = str(value) if isinstance(value, int | str) else ""
        found = _MEMORY.fullmatch(text)
        unit = (found[2] or "") if found else "?"
        factor = _factor(unit)
        if found is None or factor is None:
            raise ContractError("", "not an amount of memory such as 128Mi, 1.5G or 65536")
        octets = Decimal(found[1]) * factor
        if octets != int(octets) or octets == 0:
            raise ContractError("", "not a whole number of bytes above zero")
        return cls(int(octets))

    def to_wire(self) -> str:
        """Return the number with the largest unit that divides it, binary units first."""
        for unit, size in (_BINARY | _DECIMAL).items():
            if self.octets % size == 0:
                return f"{self.octets // size}{unit}"
        return str(self.octets)


def _factor(unit: str) -> int | None:
    if unit in ("", "B"):
        return 1
    return _BINARY.get(unit) or _DECIMAL.get("K" if unit == "k" else unit)
