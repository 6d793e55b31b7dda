"""Tells the cloud how it stands."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from iotistic_agent.adapters.cloud import Cloud
from iotistic_agent.adapters.store import Store
from iotistic_agent.backoff import CLOUD
from iotistic_agent.faults import CloudUnavailable, Refused, Unauthorized
from iotistic_agent.link import Link
from iotistic_agent.logs import Component, log
from iotistic_agent.reporting import changed_sections
from iotistic_agent.signals import Bell
from iotistic_agent.threads import in_thread
from iotistic_contract.codec import format_time

__all__ = ["PATH", "report"]

PATH = "/api/v1/device/state"
LANE = "report"
LEAST_SPACING = 0.2


async def report(  # noqa: PLR0913 -- what it uses
    *,
    cloud: Cloud,
    store: Store,
    sections: Callable[[], Mapping[str, object] | None],
    copy: Callable[[Mapping[str, object]], None],
    link: Link,
    bell: Bell,
    interval: Callable[[], float],
    now: Callable[[], datetime],
    random: Callable[[], float],
    new_stream: Callable[[], str],
) -> None:
    """Send what differs from the last acknowledged report, at once when ``bell`` rings.

    What the cloud refuses is set aside and not sent again as it was. Unauthorized ends it.
    """
    stream, epoch = store.sync.next_epoch(LANE, new_stream)
    acknowledged: Mapping[str, object] = {}
    sequence, backoff = 0, CLOUD
    while True:
        current = sections()
        changed = {} if current is None else changed_sections(acknowledged, current)
        if current is None or not changed:
            await bell.wait(interval())
            continue
        sequence += 1
        mark = {"schema": 1, "stream": stream, "epoch": epoch, "sequence": sequence}
        body = {**mark, "at": format_time(now()), **changed}
        try:
            await in_thread(cloud.call, "PATCH", PATH, body)
        except Unauthorized:
            raise
        except Refused as exc:
            store.sync.set_aside(LANE, body, exc.status, str(exc))
            log(Component.SYNC).error("report_refused", extra={"reason": str(exc)})
        except CloudUnavailable as exc:
            backoff = backoff.failed()
            link.failed(str(exc))
            await asyncio.sleep(max(backoff.wait(random), exc.wait or 0.0))
            continue
        else:
            backoff = backoff.reset()
            link.succeeded()
            copy(body)
        acknowledged = current
        await asyncio.sleep(LEAST_SPACING)
