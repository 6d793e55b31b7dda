"""One route as a value, and the API's description made of them (OpenAPI 3.1)."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from iotistic_agent.api.bodies import Body
from iotistic_agent.api.http import Answer, Stream, Text

__all__ = ["Handler", "Route", "openapi"]

Handler = Callable[..., Awaitable[Answer | Stream | Text]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path; names in braces become the handler's arguments."""

    method: str
    path: str
    handler: Handler
    summary: str
    query: Mapping[str, str] | None = None
    body: Body | None = None
    status: int = 200
    media_type: str = "application/json"

    def match(self, parts: tuple[str, ...]) -> dict[str, str] | None:
        """Return the path's arguments, None when it is another path."""
        pattern = self.path.split("/")[1:]
        if len(pattern) != len(parts):
            return None
        found = {}
        for word, part in zip(pattern, parts, strict=True):
            if word.startswith("{"):
                found[word.strip("{}")] = part
            elif word != part:
                return None
        return found


def openapi(routes: Sequence[Route], version: str) -> dict[str, object]:
    """Return the description of ``routes``."""
    paths: dict[str, dict[str, object]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "The agent's local API", "version": version},
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(route: Route) -> dict[str, object]:
    in_path = [_parameter("path", name, "") for name in re.findall(r"{(\w+)}", route.path)]
    in_query = [_parameter("query", *each) for each in (route.query or {}).items()]
    operation: dict[str, object] = {
        "summary": route.summary,
        "operationId": re.sub(r"\W+", "_", f"{route.method.lower()}{route.path}").strip("_"),
        "parameters": in_path + in_query,
        "responses": {
            str(route.status): {
                "description": "as the summary says",
                "content": {route.media_type: {}},
            },
            "default": {
                "description": "a problem (RFC 9457) with a member code",
                "content": {"application/problem+json": {}},
            },
        },
    }
    if route.body is not None:
        required = any(member.required for member in route.body.members.values())
        content = {"application/json": {"schema": route.body.schema()}}
        operation["requestBody"] = {"required": required, "content": content}
    return operation


def _parameter(place: str, name: str, description: str) -> dict[str, object]:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": {"type": "string"},
    }
