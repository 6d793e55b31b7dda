"""JSON text that this side writes."""

import json

__all__ = ["dump_json"]

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def dump_json(value: object) -> bytes:
    """Return ``value`` as compact UTF-8 JSON."""
    return _ENCODER.encode(value).encode()
