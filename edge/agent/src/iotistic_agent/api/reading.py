"""Routes that show and change nothing."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from iotistic_agent.adapters.engine_logs import read_logs
from iotistic_agent.api import views
from iotistic_agent.api.http import Answer, Problem, Request, Stream
from iotistic_agent.api.inside import Inside
from iotistic_agent.configuration import configuration
from iotistic_agent.explaining import Difference
from iotistic_agent.faults import EngineFault
from iotistic_agent.policy_file import read_policy
from iotistic_agent.settings import from_environment
from iotistic_agent.signals import Situation
from iotistic_contract.codec import encode
from iotistic_contract.problems import Code

__all__ = [
    "app",
    "apps",
    "config",
    "device",
    "health",
    "logs",
    "ping",
    "plan",
    "service",
    "service_logs",
    "services",
]

STALE_AFTER = 900.0
MOST_LINES = 10_000
_LOOK_AGAIN = 0.25
_NEXT_CONTAINER = 1.0


async def ping(_inside: Inside, _request: Request) -> Answer:
    """Say that somebody is here."""
    return Answer({"status": "ok"})


async def health(inside: Inside, _request: Request) -> Answer:
    """Tell whether containers are looked after; a cloud that is away makes it degraded only."""
    situation, looked = inside.board.situation, inside.board.posted_at
    late = looked is None or time.monotonic() - looked > STALE_AFTER
    fault = None if situation is None else situation.engine_fault
    checks: dict[str, dict[str, Any]] = {
        "reconciler": {"ok": not late, "detail": "hasn't looked lately" if late else None},
        "engine": {"ok": situation is not None and fault is None, "detail": fault},
        "cloud": {
            "ok": inside.link.state == "online" and inside.enrolment.progress == "registered",
            "detail": _cloud(inside),
        },
    }
    works = checks["reconciler"]["ok"] and checks["engine"]["ok"]
    word = ("healthy" if checks["cloud"]["ok"] else "degraded") if works else "unhealthy"
    return Answer({"status": word, "checks": checks}, 200 if works else 503)


async def device(inside: Inside, _request: Request) -> Answer:
    """Show who the device is and how it is with its target; no key is among it."""
    registration, told = inside.store.identity.registration(), inside.enrolment.told
    return Answer(
        {
            "uuid": inside.uuid,
            "name": (told and told.name) or inside.settings.device_name,
            "type": (told and told.type) or inside.settings.device_type,
            "agentVersion": inside.version,
            "startedAt": inside.started_at,
            **inside.facts(),
            "provisioning": str(inside.enrolment.progress),
            "endpoint": None if registration is None else registration.endpoint,
            "customerId": None if registration is None else registration.customer_id,
            "connection": {
                "state": _cloud(inside),
                "brokerSubscribed": inside.link.subscribed,
                "pollIntervalMs": inside.poll_interval_ms(),
                "latencyMs": inside.link.latency_ms,
            },
            **inside.uplink.view(),
            **views.state(inside.board.situation),
            "held": _held(inside.board.situation),
            "services": _counted(inside.board.situation),
            "metrics": dict(inside.measured.metrics),
        }
    )


async def apps(inside: Inside, _request: Request) -> Answer:
    """List the target's apps."""
    return Answer({"apps": views.apps(inside.board.situation)})


async def app(inside: Inside, _request: Request, app_id: str) -> Answer:
    """Show one app."""
    found = next((a for a in views.apps(inside.board.situation) if a["appId"] == app_id), None)
    if found is None:
        raise Problem(Code.NOT_FOUND, f"no app {app_id!r} in the target")
    return Answer(found)


async def services(inside: Inside, _request: Request) -> Answer:
    """List the services of all apps."""
    return Answer({"services": views.services(inside.board.situation)})


async def service(inside: Inside, _request: Request, service_id: str) -> Answer:
    """Show one service, and what of it isn't as wanted."""
    situation = _situation(inside)
    wanted = situation.services
    asked = [each for each in wanted if each.service_id == service_id]
    differs = [await asyncio.to_thread(inside.differences, situation, each) for each in asked]
    found = views.service(situation, service_id, differs[0] if differs else [])
    if found is None:
        raise Problem(Code.NOT_FOUND, f"no service {service_id!r} in the target")
    return Answer(found)


async def plan(inside: Inside, _request: Request) -> Answer:
    """Look at the engine now, and show the steps and the reasons."""
    situation = await inside.workshop.look()
    if situation.engine_fault is not None:
        raise EngineFault("engine", situation.engine_fault)
    wanted = situation.target.containers if situation.target else ()

    def why() -> Mapping[str, list[Difference]]:
        return {each.service_id: inside.differences(situation, each) for each in wanted}

    return Answer(views.plan_view(situation, await asyncio.to_thread(why)))


async def config(inside: Inside, _request: Request) -> Answer:
    """Show intervals and level with their sources, the device's policy, and where things are."""
    settings, stored = inside.settings, inside.store.targets.wanted()
    told = (stored.document.get("config") or {}) if stored else {}
    environment = configuration(None, settings)
    default = configuration(None, from_environment({}))
    policy, policy_hash = read_policy(settings.policy_file)
    local = inside.store.local_config.all()
    rows = views.configured(inside.configured(), told, local, environment, default)
    asked = inside.store.sync.poll_interval()
    return Answer(
        {
            "settings": rows,
            "api": _api(inside),
            "pollIntervalOfServerMs": asked or None,
            "pollIntervalInUseMs": inside.poll_interval_ms(),
            "policy": encode(policy),
            "policyHash": policy_hash,
            "places": {
                "stateDir": str(settings.state_dir),
                "engineSocket": str(settings.engine_socket),
                "policyFile": str(settings.policy_file),
                "localApiSocket": str(settings.api_socket),
                "deviceAddress": settings.device_address,
                "site": settings.site,
            },
        }
    )


async def logs(inside: Inside, request: Request) -> Stream:
    """Give the agent's own lines."""
    lines, follow = _wanted_lines(request)

    async def found() -> AsyncIterator[Mapping[str, object]]:
        last, kept = inside.recent.after(0)
        for text in kept[len(kept) - min(len(kept), lines) :]:
            yield json.loads(text)
        while follow:
            await asyncio.sleep(_LOOK_AGAIN)
            last, kept = inside.recent.after(last)
            for text in kept:
                yield json.loads(text)

    return Stream(found())


async def service_logs(inside: Inside, request: Request, service_id: str) -> Stream:
    """Give a container's lines; with ``follow`` also those of the container that comes next."""
    lines, follow = _wanted_lines(request)
    container = views.found_of(_situation(inside), service_id)
    if container is None:
        known = [row["serviceId"] for row in views.services(inside.board.situation)]
        if service_id not in known:
            raise Problem(Code.NOT_FOUND, f"no service {service_id!r} in the target")
        if not follow:
            raise Problem(Code.NOT_FOUND, f"the service {service_id!r} has no container now")

    async def found() -> AsyncIterator[Mapping[str, object]]:
        since: str | None = None
        began = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        while True:
            container = views.found_of(_situation(inside), service_id)
            if container is not None:
                reading = read_logs(
                    inside.settings.engine_socket,
                    container.id,
                    lines=lines if since is None else None,
                    follow=follow,
                    since=since,
                )
                async with aclosing(reading) as read:
                    async for line in read:
                        since = line.at
                        yield asdict(line)
            if not follow:
                return
            since = since or began
            await asyncio.sleep(_NEXT_CONTAINER)

    return Stream(found())


def _situation(inside: Inside) -> Situation:
    """Return the last look at the engine; Problem when there was none yet, or it failed."""
    situation = inside.board.situation
    if situation is None:
        raise Problem(Code.UNAVAILABLE, "the agent has just started: it hasn't looked yet")
    if situation.engine_fault is not None:
        raise EngineFault("engine", situation.engine_fault)
    return situation


def _api(inside: Inside) -> dict[str, object]:
    """Return the cloud's address, and what says so."""
    registration, told = inside.store.identity.registration(), inside.enrolment.told
    if registration is not None:
        return {"endpoint": registration.endpoint, "source": "registration"}
    local = inside.store.local_config.all().get("apiEndpoint")
    if local is not None:
        return {"endpoint": local, "source": "local"}
    if told is not None:
        return {"endpoint": told.string.origin, "source": "string"}
    return {"endpoint": None, "source": None}


def _cloud(inside: Inside) -> str:
    progress = str(inside.enrolment.progress)
    return inside.link.state if progress == "registered" else progress


def _held(situation: Situation | None) -> list[str]:
    """Return why a newer target has to wait."""
    return list(situation.choice.held) if situation and situation.choice else []


def _counted(situation: Situation | None) -> dict[str, int]:
    counted: dict[str, int] = {}
    for row in views.services(situation):
        counted[row["state"]] = counted.get(row["state"], 0) + 1
    return counted


def _wanted_lines(request: Request) -> tuple[int, bool]:
    text = request.query.get("lines", "100")
    if not text.isascii() or not text.isdigit() or len(text) > 6 or int(text) > MOST_LINES:
        raise Problem(Code.INVALID, f"from 0 to {MOST_LINES}", "/lines")
    follow = request.query.get("follow", "0")
    if follow not in ("0", "1"):
        raise Problem(Code.INVALID, "0 or 1", "/follow")
    return int(text), follow == "1"
