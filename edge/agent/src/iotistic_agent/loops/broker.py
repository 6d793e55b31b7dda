"""Holds the connection to the broker."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from iotistic_agent.adapters.broker import Broker
from iotistic_agent.link import Link
from iotistic_agent.signals import Bell
from iotistic_agent.threads import in_thread
from iotistic_agent.traffic import Purpose

__all__ = ["COUNT_SECONDS", "count_bytes", "hold_broker", "on_loop"]

COUNT_SECONDS = 60.0


async def hold_broker(make: Callable[[bool, Callable[[], None]], Broker]) -> None:
    """Keep a broker's connection until cancelled.

    ``make(modern, on_too_modern)`` gives it with MQTT 5, or 3.1.1 once the broker refused 5.
    """
    modern, loop = True, asyncio.get_running_loop()
    while True:
        refused = asyncio.Event()
        broker = make(modern, partial(_call, loop, refused.set))
        broker.start()
        try:
            await refused.wait()
        finally:
            await in_thread(broker.stop)
        modern = False


async def count_bytes(brokers: Sequence[Broker], count: Callable[[str, int, int], None]) -> None:
    """Count what the connection moves, every minute."""
    while True:
        await asyncio.sleep(COUNT_SECONDS)
        for broker in brokers:
            count(Purpose.MQTT, *broker.moved())


def on_loop(link: Link, poll: Bell, *, subscribed: bool) -> Callable[[], None]:
    """Return what the broker's thread calls when it is subscribed, or was cut off.

    Either way a poll follows: changes may have been missed, and the interval is another one.
    """

    def change() -> None:
        link.subscribed = subscribed
        poll.ring()

    return partial(_call, asyncio.get_running_loop(), change)


def _call(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(what)
