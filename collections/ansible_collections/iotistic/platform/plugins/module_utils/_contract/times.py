# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Times on the wire: UTC, ``2026-01-15T10:30:00.000Z``."""

import re
from datetime import UTC, datetime

from .errors import ContractError

__all__ = ["format_time", "parse_time"]

_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?Z", re.ASCII)


def parse_time(text: str) -> datetime:
    """Return the aware time in UTC; none to nine decimals are read, past the sixth they are cut."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ContractError("", "not a UTC time such as 2026-01-15T10:30:00.000Z")
    try:
        whole = datetime.fromisoformat(found[1])
    except ValueError as exc:
        raise ContractError("", f"no such time: {exc}") from None
    return whole.replace(microsecond=int((found[2] or "0").ljust(6, "0")[:6]), tzinfo=UTC)


def format_time(time: datetime) -> str:
    """Return ``time`` in UTC with three decimals, cut; a time without zone raises."""
    if time.tzinfo is None:
        raise ContractError("", "a time without a zone")
    utc = time.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
