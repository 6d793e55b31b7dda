"""Target documents: specs in their one written form, what a device gets of them, and ETags.

Many devices share a spec, so that what was read once is remembered by its text.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from iotistic_contract.codec import canonical, decode, encode
from iotistic_contract.etag import with_hmacs
from iotistic_contract.overrides import effective, overrides_from
from iotistic_contract.target_secrets import secrets_of
from iotistic_contract.target_state import Delivered, Spec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = [
    "EMPTY_SPEC",
    "UNWRITTEN",
    "Parsed",
    "delivered",
    "delivered_of",
    "document_of",
    "etag_of",
    "normalized",
    "parsed",
    "spec_of",
    "text_of",
]

EMPTY_SPEC: Mapping[str, Any] = {"apps": {}, "config": {}}
UNWRITTEN: Mapping[str, Any] = {"schema": 1, "version": 0, "apps": None}
"""What a device gets that nothing was ever written for: it keeps what it runs."""


def text_of(document: object) -> str:
    """Return one spelling for equal JSON values (not the canonical one, but quick)."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A spec, and the form in which it is stored and shown; `secret` when it holds secrets."""

    spec: Spec
    normal: Mapping[str, Any]
    secret: bool


def parsed(document: Mapping[str, Any]) -> Parsed:
    """Return what `document` says; ContractError points into it."""
    return _read(text_of(document))


def spec_of(document: Mapping[str, Any]) -> Spec:
    """Return the spec in `document`; ContractError points into it."""
    return parsed(document).spec


def delivered_of(document: Mapping[str, Any]) -> Delivered:
    """Return what `delivered` made, read again."""
    return _read_delivered(text_of(document))


def normalized(spec: Delivered) -> dict[str, Any]:
    """Return the spec as it is stored and shown; `config` stands there even when empty."""
    return {"config": {}, **encode(spec)}


def delivered(
    spec: Mapping[str, Any], overrides: Mapping[str, Any], at: datetime
) -> Mapping[str, Any]:
    """Return `spec` with the states that `overrides` (both as stored) had at `at`."""
    if not overrides:
        return spec
    return normalized(effective(spec_of(spec), overrides_from(overrides), at))


def document_of(version: int, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the target document of a delivered spec."""
    return {"schema": 1, "version": version, "apps": spec["apps"], "config": spec["config"]}


def etag_of(version: int, spec: Mapping[str, Any] | None, sealing_thumbprint: str | None) -> str:
    """Return the ETag of a delivered spec: the contract's, remembered but for the thumbprint."""
    content = _content(version, None if spec is None else text_of(spec))
    whole = content + (sealing_thumbprint or "").encode("ascii")
    return f'"{version}-{hashlib.sha256(whole).hexdigest()[:32]}"'


@lru_cache(maxsize=1024)
def _read(text: str) -> Parsed:
    spec = decode(Spec, json.loads(text))
    return Parsed(spec, normalized(spec), any(True for _ in secrets_of(spec)))


@lru_cache(maxsize=1024)
def _read_delivered(text: str) -> Delivered:
    return decode(Delivered, json.loads(text))


@lru_cache(maxsize=1024)
def _content(version: int, text: str | None) -> bytes:
    document = UNWRITTEN if text is None else document_of(version, json.loads(text))
    return canonical(with_hmacs(document))
