"""OpenAPI 3.1 from what ``@operation`` says."""

import re
from collections.abc import Mapping
from dataclasses import is_dataclass
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, TypeAdapter

from iotistic_contract.json_schema import json_schema

from .app import Route, ServiceApp, UnguardedRouteError
from .auth import PUBLIC, Access
from .operation import Operation, operation

__all__ = [
    "PUBLIC",
    "Access",
    "Operation",
    "UnguardedRouteError",
    "check_routes",
    "describe",
    "operation",
]

_REF = "#/components/schemas/{model}"
_OUR_REF = _REF.replace("model", "name")
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "instance": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}


def check_routes(app: ServiceApp) -> None:
    """Raise ``UnguardedRouteError`` when a route lets nobody in, or two have one name."""
    names: dict[str, Route] = {}
    for route in app.routes():
        if not route.operation.access.public and not route.operation.access.needs:
            raise UnguardedRouteError(f"{route.method} {route.path} names nobody it lets in")
        other = names.setdefault(route.operation.name, route)
        if other is not route:
            at = f"{other.method} {other.path} and {route.method} {route.path}"
            raise UnguardedRouteError(f"{at} are both named {route.operation.name}")


def describe(app: ServiceApp, title: str, version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of ``app``, the same for the same routes."""
    schemas: dict[str, Any] = {"Problem": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    for route in app.routes():
        path = re.sub(r"\{(\w+)(?::[^}]*)?\}", r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, path, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": {path: paths[path] for path in sorted(paths)},
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, path: str, schemas: dict[str, Any]) -> dict[str, Any]:
    told = route.operation
    described: dict[str, Any] = {
        "operationId": told.name,
        "summary": told.summary,
        "tags": [told.tag],
        "security": [] if told.access.public else [{"bearer": []}],
        "x-access": _access(told.access),
        "responses": _responses(told, schemas),
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]
    if told.query is not None:
        parameters += _query(told.query, schemas)
    if parameters:
        described["parameters"] = parameters
    if told.request is not None:
        content = {told.request_type: {"schema": _schema(told.request, schemas)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _access(access: Access) -> list[dict[str, str]]:
    if access.public:
        return [{"kind": "anonymous"}]
    return [
        {"kind": need.kind}
        | ({"scope": need.scope} if need.scope else {})
        | ({"owns": need.owns} if need.owns else {})
        for need in access.needs
    ]


def _responses(told: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": HTTPStatus(told.status).phrase}
    if told.response is not None:
        success["content"] = {told.response_type: {"schema": _schema(told.response, schemas)}}
    content = {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}}
    answers: dict[str, Any] = {str(told.status): success}
    for status in sorted(_further_statuses(told)):
        described = {"description": HTTPStatus(status).phrase}
        answers[str(status)] = described | ({"content": content} if status >= 400 else {})
    return answers


def _further_statuses(told: Operation) -> set[int]:
    statuses = {p if isinstance(p, int) else p.status for p in told.problems} | {500, 503}
    if not told.access.public:
        statuses |= {401, 403}
    if told.request is not None:
        statuses |= {400, 408, 413, 415, 422}
    if told.query is not None:
        statuses.add(422)
    return statuses


def _schema(model: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    if isinstance(model, Mapping):
        return dict(model)
    if isinstance(model, type) and is_dataclass(model):
        schema, name = json_schema(model, refuse_unknown=False, ref=_OUR_REF), model.__name__
    else:
        schema = TypeAdapter(model).json_schema(ref_template=_REF, by_alias=True)
        name = schema.get("title", "") if _is_model(model) else ""
    schemas.update(schema.pop("$defs", {}))
    if not name:
        return schema
    schemas[name] = schema
    return {"$ref": _REF.format(model=name)}


def _is_model(model: object) -> bool:
    return isinstance(model, type) and issubclass(model, BaseModel)


def _query(model: type[BaseModel], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=_REF)
    schemas.update(schema.pop("$defs", {}))
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema.get("properties", {}).items()
    ]
