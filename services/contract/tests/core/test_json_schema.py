from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from iotistic_contract.json_schema import json_schema
from iotistic_contract.report import Report
from iotistic_contract.target_state import Spec

VECTORS = Path(__file__).parents[4] / "tests/contract/vectors"
SPEC = json_schema(Spec, ref="#/components/schemas/{name}")
TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
}


def _fits(schema: dict[str, Any], value: Any, defs: dict[str, Any]) -> bool:
    """Validate the part of JSON Schema that we write; null counts as absent."""
    if "$ref" in schema:
        return _fits(defs[schema["$ref"].rpartition("/")[2]], value, defs)
    if "enum" in schema:
        return value in schema["enum"]
    if "type" in schema and not _is_a(schema["type"], value):
        return False
    if isinstance(value, list):
        return all(_fits(schema["items"], item, defs) for item in value)
    return not isinstance(value, dict) or _members_fit(schema, value, defs)


def _is_a(names: str | list[str], value: object) -> bool:
    words = [names] if isinstance(names, str) else names
    if isinstance(value, bool):
        return "boolean" in words
    return any(isinstance(value, TYPES[word]) for word in words)


def _members_fit(schema: dict[str, Any], value: dict[str, Any], defs: dict[str, Any]) -> bool:
    said = {key: item for key, item in value.items() if item is not None}
    known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    if others is False and said.keys() - known.keys():
        return False
    return all(key in said for key in schema.get("required", ())) and all(
        _fits(known.get(key, others), item, defs) for key, item in said.items()
    )


@pytest.mark.parametrize("path", sorted((VECTORS / "valid/spec").iterdir()), ids=lambda p: p.stem)
def test_valid_specs_fit_their_schema(path: Path) -> None:
    assert _fits(SPEC, json.loads(path.read_text()), SPEC["$defs"])


@pytest.mark.parametrize(
    "name",
    [
        "app-unknown-key",
        "apps-list",
        "apps-missing",
        "command-text",
        "cpu-boolean",
        "environment-number",
        "port-number",
        "privileged-word",
        "service-id-number",
        "service-unknown-key",
        "state-word",
        "unknown-key",
    ],
)
def test_what_has_another_shape_does_not_fit(name: str) -> None:
    vector = json.loads((VECTORS / f"invalid/spec/{name}.json").read_text())
    assert not _fits(SPEC, vector["document"], SPEC["$defs"])


def test_references_go_where_they_are_told_to() -> None:
    apps = SPEC["properties"]["apps"]
    assert apps["additionalProperties"] == {"$ref": "#/components/schemas/App"}
    assert SPEC["$defs"]["ServiceConfig"]["properties"]["ports"]["items"]["type"] == "string"


def test_a_tolerant_document_may_hold_more() -> None:
    schema = json_schema(Report, refuse_unknown=False)
    assert "additionalProperties" not in schema
    assert schema["required"] == ["schema", "stream", "epoch", "sequence", "at"]
    assert schema["properties"]["credentialsETag"] == {"type": "string"}
    assert schema["properties"]["status"]["anyOf"][1] == {"type": "string"}
