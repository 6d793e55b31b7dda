"""Asks the cloud for the target."""

import asyncio
from collections.abc import Callable

from iotistic_agent.adapters.cloud import Answer, Cloud
from iotistic_agent.adapters.store import Store, StoredTarget
from iotistic_agent.backoff import CLOUD
from iotistic_agent.configuration import Configuration
from iotistic_agent.faults import CloudUnavailable, Refused, Unauthorized
from iotistic_agent.link import Link
from iotistic_agent.logs import Component, log
from iotistic_agent.signals import Bell
from iotistic_contract.device_target import read_target
from iotistic_contract.errors import ContractError

__all__ = ["poll", "poll_interval", "taken"]


async def poll(  # noqa: PLR0913 -- what it uses
    *,
    cloud: Cloud,
    path: str,
    store: Store,
    interval_ms: Callable[[], int],
    link: Link,
    bell: Bell,
    reconcile: Bell,
    random: Callable[[], float],
) -> None:
    """Keep the stored target the newest one; ring ``reconcile`` when another one came.

    Polls at its interval, when ``bell`` rings (the broker says so), and after failures with
    back-off. Unauthorized ends it.
    """
    backoff = CLOUD
    while True:
        etag = store.sync.etag()
        headers = {} if etag is None else {"If-None-Match": etag}
        try:
            answer = await asyncio.to_thread(cloud.call, "GET", path, None, headers)
            _keep_interval(store, answer)
            if taken(store, answer):
                reconcile.ring()
        except Unauthorized:
            raise
        except (CloudUnavailable, Refused) as exc:
            backoff = backoff.failed()
            link.failed(str(exc))
            link.latency_ms = None
            wait = max(backoff.wait(random), getattr(exc, "wait", None) or 0.0)
            log(Component.SYNC).warning("poll_failed", extra={"reason": str(exc), "next_in": wait})
            await asyncio.sleep(wait)
            continue
        backoff = backoff.reset()
        link.succeeded()
        link.latency_ms = cloud.round_trip_ms
        await bell.wait(interval_ms() / 1000)


def taken(store: Store, answer: Answer) -> bool:
    """Store the target in ``answer`` durably; tell whether there is another one to apply.

    CloudUnavailable when the answer can't be taken at all (no ETag, no JSON). A document of
    another shape is kept as failed, and the old target stays.
    """
    if answer.status == 304:
        return False
    etag = answer.headers.get("etag")
    if not etag:
        raise CloudUnavailable("a target without an ETag")
    if etag == store.sync.etag():
        return False
    if store.targets.is_known(etag):
        store.sync.keep_etag(etag)
        return False
    document = answer.json()
    try:
        reading = read_target(document)
    except ContractError as exc:
        log(Component.SYNC).error("target_refused", extra={"etag": etag, "reason": str(exc)})
        store.targets.keep(_failed(etag, document, str(exc)))
        return True
    if reading.target.apps is None:
        store.sync.keep_etag(etag)
        return False
    for pointer in reading.ignored:
        log(Component.SYNC).warning("config_ignored", extra={"pointer": pointer})
    assert isinstance(document, dict)  # noqa: S101 -- read_target has said so
    version = reading.target.version
    store.targets.keep(StoredTarget(etag=etag, version=version, document=document))
    log(Component.SYNC).info("target-state-changed", extra={"version": version, "etag": etag})
    return True


def poll_interval(asked_ms: int, configured: Configuration, *, subscribed: bool) -> int:
    """Return the milliseconds to the next poll; ``asked_ms`` is the server's header."""
    interval = max(asked_ms, configured.poll_ms)
    return max(interval, configured.linked_poll_ms) if subscribed else interval


def _failed(etag: str, document: object, why: str) -> StoredTarget:
    body = document if isinstance(document, dict) else {}
    version = body.get("version")
    known = version if type(version) is int and 0 <= version < 2**53 else 0
    return StoredTarget(etag=etag, version=known, document=body, failure=why)


def _keep_interval(store: Store, answer: Answer) -> None:
    text = answer.headers.get("x-poll-interval-ms", "")
    if text.isascii() and text.isdigit() and int(text) <= 86_400_000:
        store.sync.keep_poll_interval(int(text))
