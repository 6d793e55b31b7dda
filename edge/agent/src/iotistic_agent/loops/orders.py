"""Asks the cloud for orders, and follows them."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress

from iotistic_agent.adapters.cloud import Answer, Cloud
from iotistic_agent.adapters.store.orders import Taken
from iotistic_agent.backoff import CLOUD
from iotistic_agent.faults import CloudUnavailable, Refused, Unauthorized, UpgradeLater
from iotistic_agent.logs import Component, log
from iotistic_agent.signals import Bell
from iotistic_agent.threads import in_thread
from iotistic_agent.upgrading import Rejected, Upgrades
from iotistic_contract.codec import b64u_decode
from iotistic_contract.errors import ContractFault

__all__ = ["claimed_id", "follow_orders"]

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_OUTPUT = 2000


async def follow_orders(  # noqa: PLR0913 -- what it uses
    *,
    cloud: Cloud,
    path: str,
    upgrades: Upgrades,
    bell: Bell,
    interval: Callable[[], float],
    random: Callable[[], float],
) -> None:
    """Follow the order under way, tell how it stands, and ask for the next at ``path``/next.

    At each poll's interval, when ``bell`` rings (the broker says that one waits), and with back-off
    after failures. Unauthorized and Restart end it.
    """
    backoff = CLOUD
    while True:
        try:
            await _tell(cloud, path, upgrades)
            await upgrades.advance()
            await _tell(cloud, path, upgrades)
            another = await _taken(cloud, path, upgrades)
        except Unauthorized:
            raise
        except (CloudUnavailable, UpgradeLater) as exc:
            backoff = backoff.failed()
            wait = max(backoff.wait(random), getattr(exc, "wait", None) or 0.0)
            log(Component.ORDERS).warning(
                "orders_wait", extra={"reason": str(exc), "next_in": wait}
            )
            await asyncio.sleep(wait)
            continue
        backoff = backoff.reset()
        if not another:
            await bell.wait(interval())


async def _tell(cloud: Cloud, path: str, upgrades: Upgrades) -> None:
    """Tell how orders stand; what the cloud doesn't take from us isn't said again."""
    for order in upgrades.untold():
        await _answer(cloud, path, order.id, _status(order))
        upgrades.told(order)


async def _taken(cloud: Cloud, path: str, upgrades: Upgrades) -> bool:
    """Ask for the next order; tell whether one was taken. A refused one is answered as such."""
    try:
        answer = await in_thread(cloud.call, "GET", f"{path}/next")
    except Unauthorized:
        raise
    except Refused as exc:  # a cloud that knows no orders, too
        log(Component.ORDERS).debug("no_orders", extra={"reason": str(exc)})
        return False
    token = _token(answer)
    if token is None:
        return False
    try:
        return upgrades.take(token)
    except Rejected as exc:
        order_id = claimed_id(token)
        log(Component.ORDERS).error(
            "order_refused", extra={"order": order_id, "reason": exc.reason}
        )
        if order_id is not None:
            body = {"status": "rejected", "output": exc.reason[:_LONGEST_OUTPUT]}
            await _answer(cloud, path, order_id, body)
    return False


async def _answer(cloud: Cloud, path: str, order_id: str, body: Mapping[str, object]) -> None:
    try:
        await in_thread(cloud.call, "PATCH", f"{path}/{order_id}", body)
    except Unauthorized:
        raise
    except Refused as exc:
        log(Component.ORDERS).warning(
            "status_refused", extra={"order": order_id, "reason": str(exc)}
        )


def _status(order: Taken) -> dict[str, object]:
    body: dict[str, object] = {"status": order.status}
    if order.output is not None:
        body["output"] = order.output[:_LONGEST_OUTPUT]
    return body


def _token(answer: Answer) -> str | None:
    if answer.status == 204:
        return None
    document = answer.json()
    token = document.get("order") if isinstance(document, Mapping) else None
    if not isinstance(token, str):
        raise CloudUnavailable("an answer without an order")
    return token


def claimed_id(token: str) -> str | None:
    """Return the id that a token names, believed for nothing but the answer to it."""
    with suppress(ContractFault, ValueError, IndexError):
        claims = json.loads(b64u_decode(token.split(".")[1]))
        found = claims.get("id") if isinstance(claims, Mapping) else None
        return found if isinstance(found, str) and _ID.fullmatch(found) else None
    return None
