"""Keeps the local API open."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from iotistic_agent.api.gate import TokenGate, open_gate
from iotistic_agent.api.server import Answers, Doorway, on_loopback, on_socket
from iotistic_agent.logs import Component, log

__all__ = ["AGAIN", "serve"]

AGAIN = 30.0


async def serve(socket: Path, port: int | None, token: str, answers: Answers) -> None:
    """Answer at ``socket`` and, with ``port``, on loopback for who has ``token``.

    What can't be opened is tried again every 30 s: containers are more important.
    """
    while True:
        try:
            async with AsyncExitStack() as stack:
                doorway = Doorway(open_gate, answers)
                await stack.enter_async_context(on_socket(socket, doorway))
                if port is not None:
                    gated = Doorway(TokenGate(port, token), answers)
                    await stack.enter_async_context(on_loopback(port, gated))
                log(Component.LOCAL_API).info("listening", extra={"socket": str(socket)})
                await asyncio.Event().wait()
        except OSError as exc:
            reason = str(exc)
            log(Component.LOCAL_API).error("unavailable", extra={"reason": reason})
        await asyncio.sleep(AGAIN)
