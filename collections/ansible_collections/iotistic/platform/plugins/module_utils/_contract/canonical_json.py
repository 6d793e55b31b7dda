# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Canonical JSON (RFC 8785, JCS): one byte string for each JSON value."""

import json
import math
from collections.abc import Mapping

from .errors import ContractError

__all__ = ["canonical"]

SAFE_INTEGER = 2**53 - 1


def canonical(value: object) -> bytes:
    """Return ``value`` (dicts, lists, text, numbers, booleans, None) as RFC 8785 says.

    NaN, infinities, integers that no double holds and lone surrogates raise ``ContractError``.
    """
    try:
        return _text(value).encode("utf-8")
    except UnicodeEncodeError:
        raise ContractError("", "a lone surrogate has no UTF-8") from None


def _text(value: object) -> str:
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return str(int(value)) if abs(value) <= SAFE_INTEGER else _large(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        names = sorted(value, key=_order)
        return "{" + ",".join(f"{_text(name)}:{_text(value[name])}" for name in names) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    raise ContractError("", f"{type(value).__name__} is no JSON value")


def _order(key: object) -> bytes:
    """Names sort by their UTF-16 code units (section 3.2.3)."""
    if not isinstance(key, str):
        raise ContractError("", f"a name that is no text: {key!r}")
    return key.encode("utf-16-be", "surrogatepass")


def _large(value: int) -> str:
    """Return the double that the integer means; one that would change is refused."""
    try:
        double = float(value)
    except OverflowError:
        raise ContractError("", "an integer that no double holds") from None
    text = _number(double)
    if text != str(value) and int(double) != value:
        raise ContractError("", "an integer that no double holds")
    return text


def _number(value: float) -> str:
    """Return the number as ECMAScript's Number::toString does (section 3.2.2.3)."""
    if not math.isfinite(value):
        raise ContractError("", "not a finite number")
    if value == 0:
        return "0"
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" and not exponent else fraction
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    point -= len(digits) - len(digits.lstrip("0"))
    digits = digits.strip("0")
    return ("-" if value < 0 else "") + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    """Place the decimal point: ``0.digits`` times ten to the power ``point``."""
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{mantissa}e{point - 1:+d}"
