"""Calls in threads: what they come to is handed on, and nobody waits for a dropped one."""

import asyncio
import threading

import pytest

from iotistic_agent.threads import in_thread


async def test_what_it_returns_comes_back():
    assert await in_thread(divmod, 7, 2) == (3, 1)


async def test_what_it_raises_comes_back():
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)


def test_a_call_that_goes_on_keeps_no_loop_from_ending():
    begun, let_go, ended = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        let_go.wait(30)
        ended.set()

    async def give_up() -> None:
        task = asyncio.create_task(in_thread(call))
        assert await in_thread(begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    loop = asyncio.new_event_loop()
    loop.run_until_complete(give_up())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    assert not ended.is_set(), "the loop has ended before the call"
    let_go.set()
    assert ended.wait(10)
