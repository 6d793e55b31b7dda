"""The routes of the local API: one table, which its OpenAPI document is made of too."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from iotistic_agent.api import acting, checking, configuring, leasing, power, reading, writing
from iotistic_agent.api.http import Answer, Problem, Request, Stream, Text
from iotistic_agent.api.inside import Inside
from iotistic_agent.api.openapi import Route, openapi
from iotistic_agent.operating import APP_ACTIONS, SERVICE_ACTIONS
from iotistic_contract.problems import Code

__all__ = ["ROUTES", "answers"]

_ONCE = ("restart", "purge", "give-back")
_SAID = {
    "start": "Run {it}, whatever the target's state for it is.",
    "stop": "Stop {it} until an end, or until the target's state for it changes.",
    "pause": "Pause {it} so.",
    "unpause": "Run {it} that is paused.",
    "restart": "Restart once what runs of {it}.",
    "give-back": "Let the target's state hold again for {it}.",
    "purge": "Remove containers and volumes of {it} with all data; then it comes back.",
}
_LINES = {"lines": "how many of the newest lines", "follow": "1 to go on with what comes"}


def _actions() -> Iterator[Route]:
    """Yield a route for each thing that people ask of a service or an app."""
    for kind, key, words, handler in (
        ("services", "service_id", SERVICE_ACTIONS, acting.act_on_service),
        ("apps", "app_id", APP_ACTIONS, acting.act_on_app),
    ):
        for action in words:
            body = acting.ONCE if action in _ONCE else acting.STATE
            it = "the service" if kind == "services" else "the app"
            yield Route(
                "POST",
                f"/v2/{kind}/{{{key}}}/{action}",
                partial(handler, body=body, action=action),
                _SAID[action].format(it=it),
                body=body,
                status=202,
            )


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
    Route(
        "PATCH",
        "/v2/config",
        configuring.set_some,
        "Set what may be set at the device; the target's own config comes first.",
        body=configuring.CONFIG,
    ),
    Route("DELETE", "/v2/config", configuring.reset_all, "Forget what was set at the device."),
    Route("DELETE", "/v2/config/{setting}", configuring.reset_one, "Forget one such setting."),
    Route("GET", "/v2/logs", reading.logs, "The agent's own log since its start (NDJSON).", _LINES),
    Route("GET", "/v2/provision", writing.provisioning, "How far the registration is."),
    Route(
        "POST",
        "/v2/provision",
        writing.provision,
        "Register with this provisioning string.",
        body=writing.PROVISION,
        status=202,
    ),
    Route(
        "POST",
        "/v2/deprovision",
        writing.deprovision,
        "Forget the registration; containers go on.",
        body=writing.CONFIRM,
        status=202,
    ),
    Route(
        "POST",
        "/v2/factory-reset",
        writing.factory_reset,
        "Release the device and erase everything.",
        body=writing.CONFIRM,
        status=202,
    ),
    Route("GET", "/v2/leases", leasing.leases, "Who asks for no updates, and what holds them now."),
    Route(
        "POST",
        "/v2/leases",
        leasing.hold,
        "Hold updates for a while, in the place of the owner's former lease.",
        body=leasing.LEASE,
        status=201,
    ),
    Route("DELETE", "/v2/leases/{owner}", leasing.release, "End a lease."),
    *_actions(),
    Route("GET", "/v2/diagnostics", checking.diagnostics, "What is wrong, and what to do."),
    Route(
        "GET",
        "/metrics",
        checking.metrics,
        "The agent's numbers for Prometheus.",
        media_type="text/plain",
    ),
    Route(
        "POST",
        "/v2/restart",
        power.restart,
        "Let the agent begin anew; containers run on.",
        body=power.RESTART,
        status=202,
    ),
    Route(
        "POST", "/v2/reboot", power.reboot, "Restart the machine.", body=power.REBOOT, status=202
    ),
    Route(
        "POST", "/v2/shutdown", power.shutdown, "Stop the machine.", body=power.SHUTDOWN, status=202
    ),
)


def answers(inside: Inside) -> Callable[[Request], Awaitable[Answer | Stream | Text]]:
    """Return what answers a request: by route, else Problem (404, 405)."""

    async def answer(request: Request) -> Answer | Stream | Text:
        if request.parts == ("openapi.json",) and request.method == "GET":
            return Answer(openapi(ROUTES, inside.version))
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
