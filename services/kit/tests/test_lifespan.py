"""What opens is closed in reverse, and a loop that ends ends the process."""

import asyncio
import signal

import pytest

from iotistic_kit.lifespan import Lifespan


class Part:
    def __init__(self, name, told, *, broken=False):
        self.name, self.told, self.broken = name, told, broken

    async def open(self):
        if self.broken:
            raise ConnectionError(self.name)
        self.told.append(f"open {self.name}")

    async def close(self):
        self.told.append(f"close {self.name}")


async def test_open_in_order_and_close_in_reverse():
    told = []

    async def loop():
        told.append("loop")
        try:
            await asyncio.sleep(60)
        finally:
            told.append("loop ends")

    lifespan = Lifespan([Part("a", told), Part("b", told)], {"loop": loop})
    await lifespan.process_startup({}, {})
    await asyncio.sleep(0)
    await lifespan.process_shutdown({}, {})
    assert told == ["open a", "open b", "loop", "loop ends", "close b", "close a"]


async def test_what_was_opened_before_a_failure_is_closed():
    told = []
    with pytest.raises(ConnectionError):
        await Lifespan([Part("a", told), Part("b", told, broken=True)]).process_startup({}, {})
    assert told == ["open a", "close a"]


@pytest.mark.parametrize("fault", [None, RuntimeError("gone")])
async def test_a_loop_that_ends_asks_for_the_processs_end(fault):
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)

    async def loop():
        if fault:
            raise fault

    lifespan = Lifespan(loops={"loop": loop})
    await lifespan.process_startup({}, {})
    async with asyncio.timeout(5):
        await ended.wait()
    await lifespan.process_shutdown({}, {})
    asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
