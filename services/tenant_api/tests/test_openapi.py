"""The committed description is the one that the code gives."""

from __future__ import annotations

import json
from pathlib import Path

from iotistic_tenant_api.openapi import text

COMMITTED = Path(__file__).parents[1] / "openapi.json"


def test_the_committed_document_is_fresh() -> None:
    made = "python -m iotistic_tenant_api.openapi > services/tenant_api/openapi.json"
    assert COMMITTED.read_text() == text(), f"stale: run {made}"


def test_every_operation_says_whom_it_lets_in() -> None:
    for path, methods in json.loads(text())["paths"].items():
        for method, operation in methods.items():
            assert operation["x-access"], f"{method} {path}"
