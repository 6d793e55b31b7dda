"""Holds the connection to the broker."""

import asyncio
from collections.abc import Callable

from iotistic_agent.adapters.broker import Broker
from iotistic_agent.link import Link
from iotistic_agent.signals import Bell

__all__ = ["hold_broker", "on_loop"]


async def hold_broker(broker: Broker) -> None:
    """Keep ``broker`` connected until cancelled."""
    broker.start()
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.to_thread(broker.stop)


def on_loop(link: Link, poll: Bell, *, subscribed: bool) -> Callable[[], None]:
    """Return what the broker's thread calls when it is subscribed, or was cut off.

    Either way a poll follows: changes may have been missed, and the interval is another one.
    """
    loop = asyncio.get_running_loop()

    def change() -> None:
        link.subscribed = subscribed
        poll.ring()

    return lambda: None if loop.is_closed() else _call(loop, change)


def _call(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(what)
