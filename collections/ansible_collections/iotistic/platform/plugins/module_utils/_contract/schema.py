# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The schema that both sides of a connection speak."""

from .errors import ContractError

__all__ = ["SCHEMA", "SCHEMA_HEADER", "spoken"]

SCHEMA = 1
SCHEMA_HEADER = "X-Iotistic-Schema"


def spoken(header: str | None, own: int = SCHEMA) -> int:
    """Return the lower of both sides' highest schemas; a request without the header means 1."""
    text = "1" if header is None else header.strip()
    if not text.isascii() or not text.isdigit() or not 1 <= len(text) <= 9 or int(text) < 1:
        raise ContractError("", f"{SCHEMA_HEADER} is a whole number from 1")
    return min(int(text), own)
