"""Calls that block for as long as a network likes."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

__all__ = ["in_thread"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


async def in_thread(
    call: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Return what ``call`` returns, or raise what it raises, without keeping the loop waiting.

    Once this is cancelled nobody waits for the call, not the process's end either; what it comes
    to is dropped. ``asyncio.to_thread`` would hold the end up until a name or a host answers.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = call(*args, **kwargs)
        except BaseException as exc:  # noqa: BLE001 -- it is raised where it is waited for
            error = exc
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, result, error)

    name = getattr(call, "__qualname__", "call")
    threading.Thread(target=run, name=name, daemon=True).start()
    return await outcome
