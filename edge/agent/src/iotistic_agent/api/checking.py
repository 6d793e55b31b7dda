"""Routes that tell how the device is: for people who search, and for Prometheus."""

import asyncio
from urllib.parse import urlsplit

from iotistic_agent import diagnosing
from iotistic_agent.adapters.cloud import verified_by
from iotistic_agent.adapters.diagnosis import connect_fault, free_space, reach
from iotistic_agent.api.http import Answer, Request, Text
from iotistic_agent.api.inside import Inside
from iotistic_agent.diagnosing import Finding, Reached, Verdict
from iotistic_agent.faults import EngineFault
from iotistic_agent.measures import Measures, exposition
from iotistic_agent.threads import in_thread
from iotistic_contract.codec import format_time

__all__ = ["diagnostics", "metrics"]

_PATIENCE = 20.0
_TOO_LONG = f"no answer within {_PATIENCE:.0f} s"


async def diagnostics(inside: Inside, _request: Request) -> Answer:
    """Look at everything that the device depends on; what waits long for an answer fails.

    One at a time: a name server that doesn't answer must not take the reconcile loop's threads.
    """
    async with inside.diagnosing, asyncio.TaskGroup() as group:
        cloud = group.create_task(_cloud(inside))
        broker = group.create_task(_broker(inside))
        engine = group.create_task(_engine(inside))
        space = group.create_task(in_thread(free_space, inside.settings.state_dir))
    findings = [
        *cloud.result(),
        diagnosing.database(inside.store.fault()),
        broker.result(),
        diagnosing.disk(*space.result()),
        diagnosing.undervoltage(inside.measured.metrics),
        engine.result(),
    ]
    return Answer(
        {
            "uuid": inside.uuid,
            "agentVersion": inside.version,
            "at": format_time(inside.now()),
            "ok": all(each.verdict is not Verdict.FAILED for each in findings),
            "checks": [_shown(each) for each in findings],
        }
    )


async def metrics(inside: Inside, _request: Request) -> Text:
    """Give the agent's numbers in Prometheus' text format."""
    measures = Measures(
        uuid=inside.uuid,
        version=inside.version,
        situation=inside.board.situation,
        link=inside.link.state,
        subscribed=inside.link.subscribed,
        registered=inside.enrolment.progress == "registered",
        latency_ms=inside.link.latency_ms,
        looks=inside.workshop.looks,
        look_seconds=inside.workshop.look_seconds,
        looked_ago=inside.board.age(),
        leases=len(inside.store.leases.all()),
        machine=inside.measured.metrics,
    )
    return Text(exposition(measures), "text/plain; version=0.0.4; charset=utf-8")


async def _cloud(inside: Inside) -> list[Finding]:
    registration, told = inside.store.identity.registration(), inside.enrolment.told
    context = None
    if registration is not None:
        url = urlsplit(registration.endpoint)
        context = verified_by(registration.ca_cert, inside.settings.ca_file)
    elif told is not None:
        url = urlsplit(told.string.origin)
    else:
        return diagnosing.cloud(None, "")
    host, port = url.hostname or "", url.port or 443
    link = inside.link.state if registration is not None else ""
    try:
        async with asyncio.timeout(_PATIENCE):
            reached = await in_thread(reach, host, port, context, inside.now())
    except TimeoutError:
        reached = Reached(host=host, port=port, dns_fault=_TOO_LONG)
    return diagnosing.cloud(reached, link)


async def _broker(inside: Inside) -> Finding:
    registration, subscribed = inside.store.identity.registration(), inside.link.subscribed
    if registration is None:
        return diagnosing.broker(None, subscribed=False, fault=None)
    config = registration.mqtt.broker_config
    fault = None
    if not subscribed:
        try:
            async with asyncio.timeout(_PATIENCE):
                fault = await in_thread(connect_fault, config.host, config.port)
        except TimeoutError:
            fault = _TOO_LONG
    where = f"{config.host}:{config.port}"
    return diagnosing.broker(where, subscribed=subscribed, fault=fault)


async def _engine(inside: Inside) -> Finding:
    try:
        async with asyncio.timeout(_PATIENCE):
            version = await in_thread(inside.engine.version)
    except EngineFault as exc:
        return diagnosing.engine(None, str(exc))
    except TimeoutError:
        return diagnosing.engine(None, _TOO_LONG)
    return diagnosing.engine(version, None)


def _shown(finding: Finding) -> dict[str, object]:
    return {
        "name": finding.name,
        "verdict": str(finding.verdict),
        "detail": finding.detail,
        "advice": finding.advice,
    }
