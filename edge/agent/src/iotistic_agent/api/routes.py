"""The routes of the local API: one table, which its OpenAPI document is made of too."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from iotistic_agent.api import reading, writing
from iotistic_agent.api.http import Answer, Problem, Request, Stream
from iotistic_agent.api.inside import Inside
from iotistic_contract.problems import Code

__all__ = ["ROUTES", "Route", "answers", "openapi"]

Handler = Callable[..., Awaitable[Answer | Stream]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path; names in braces become the handler's arguments."""

    method: str
    path: str
    handler: Handler
    summary: str
    query: Mapping[str, str] | None = None
    body: Mapping[str, object] | None = None

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


_LINES = {"lines": "how many of the newest lines", "follow": "1 to go on with what comes"}
ROUTES = (
    Route("GET", "/ping", reading.ping, "Whether the agent answers; needs no token."),
    Route("GET", "/health", reading.health, "Whether it can do its work: 200, else 503."),
    Route("GET", "/v2/device", reading.device, "The device, its connection, target and metrics."),
    Route("GET", "/v2/apps", reading.apps, "The apps of the target with their services."),
    Route("GET", "/v2/apps/{app_id}", reading.app, "One app."),
    Route("GET", "/v2/services", reading.services, "The services of all apps."),
    Route("GET", "/v2/services/{service_id}", reading.service, "One service in full."),
    Route(
        "GET",
        "/v2/services/{service_id}/logs",
        reading.service_logs,
        "What its container writes (NDJSON).",
        _LINES,
    ),
    Route("GET", "/v2/plan", reading.plan, "What the agent would do now, and because of what."),
    Route("GET", "/v2/config", reading.config, "Settings, and where each comes from."),
    Route("GET", "/v2/logs", reading.logs, "The agent's own log since its start (NDJSON).", _LINES),
    Route("GET", "/v2/provision", writing.provisioning, "How far the registration is."),
    Route(
        "POST",
        "/v2/provision",
        writing.provision,
        "Register with this provisioning string.",
        body=writing.PROVISION_SCHEMA,
    ),
    Route(
        "POST",
        "/v2/deprovision",
        writing.deprovision,
        "Forget the registration; containers go on.",
        body=writing.CONFIRM_SCHEMA,
    ),
    Route(
        "POST",
        "/v2/factory-reset",
        writing.factory_reset,
        "Release the device and erase everything.",
        body=writing.CONFIRM_SCHEMA,
    ),
)


def answers(inside: Inside) -> Callable[[Request], Awaitable[Answer | Stream]]:
    """Return what answers a request: by route, else Problem (404, 405)."""

    async def answer(request: Request) -> Answer | Stream:
        if request.parts == ("openapi.json",) and request.method == "GET":
            return Answer(openapi(inside.version))
        allowed = False
        for route in ROUTES:
            found = route.match(request.parts)
            if found is None:
                continue
            if route.method == request.method:
                return await route.handler(inside, request, **found)
            allowed = True
        if allowed:
            raise Problem(Code.METHOD_NOT_ALLOWED, f"not {request.method} here")
        raise Problem(Code.NOT_FOUND, "no such route")

    return answer


def openapi(version: str) -> dict[str, object]:
    """Return the API's description (OpenAPI 3.1)."""
    paths: dict[str, dict[str, object]] = {}
    for route in ROUTES:
        names = re.findall(r"{(\w+)}", route.path)
        in_path = [_parameter("path", name, "") for name in names]
        in_query = [_parameter("query", *each) for each in (route.query or {}).items()]
        operation: dict[str, object] = {
            "summary": route.summary,
            "operationId": route.handler.__name__,
            "parameters": in_path + in_query,
            "responses": {
                "202" if route.method == "POST" else "200": {"description": "as the summary says"},
                "default": {
                    "description": "a problem (RFC 9457) with a member code",
                    "content": {"application/problem+json": {}},
                },
            },
        }
        if route.body is not None:
            content = {"application/json": {"schema": route.body}}
            operation["requestBody"] = {"required": True, "content": content}
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "The agent's local API", "version": version},
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _parameter(place: str, name: str, description: str) -> dict[str, object]:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": {"type": "string"},
    }
