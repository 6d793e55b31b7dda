"""Serves the local API on a unix socket and, where asked to, on loopback TCP."""

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from iotistic_agent.api.gate import Gate
from iotistic_agent.api.http import MAX_HEAD, Answer, Problem, Request, Stream, Text, read_request
from iotistic_agent.faults import EngineFault
from iotistic_agent.logs import Component, log
from iotistic_agent.unix_path import reachable
from iotistic_contract.problems import Code

__all__ = ["Doorway", "on_loopback", "on_socket"]

MOST_AT_ONCE = 16
PATIENCE = 10.0
MOST_HEARD_OUT = 2**20
Answers = Callable[[Request], Awaitable[Answer | Stream | Text]]


class Doorway:
    """One listener: reads a request, lets ``gate`` look at it, answers, and closes."""

    def __init__(self, gate: Gate, answers: Answers) -> None:
        self._gate = gate
        self._answers = answers
        self._inside = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; at most ``MOST_AT_ONCE`` at a time."""
        self._inside += 1
        try:
            await self._serve(reader, writer)
        except (OSError, TimeoutError):
            pass
        finally:
            self._inside -= 1
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = await self._answered(reader)
        if isinstance(answer, Stream):
            await _streamed(answer, reader, writer)
        elif answer is not None:
            for part in answer.head_and_content():
                writer.write(part)
            async with asyncio.timeout(PATIENCE):
                await writer.drain()
                if answer.status >= 400:
                    await _heard_out(reader, writer)
            if isinstance(answer, Answer) and answer.after is not None:
                answer.after()

    async def _answered(self, reader: asyncio.StreamReader) -> Answer | Stream | Text | None:
        """Return the answer to the request that comes, None when the client just went away."""
        if self._inside > MOST_AT_ONCE:
            return Problem(Code.UNAVAILABLE, "too many at once").answer()
        try:
            async with asyncio.timeout(PATIENCE):
                request = await read_request(reader)
            if request is None:
                return None
            self._gate(request)
            return await self._answers(request)
        except Problem as exc:
            return exc.answer()
        except EngineFault as exc:
            return Problem(Code.UNAVAILABLE, str(exc)).answer()
        except (TimeoutError, OSError):
            raise
        except Exception:  # noqa: BLE001 -- the guard of one request
            log(Component.LOCAL_API).exception("request_failed")
            return Problem(Code.INTERNAL, "a defect; the agent's log has it").answer()


async def _heard_out(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take what a refused client still sends: closing over it would lose him the answer."""
    writer.write_eof()
    left = MOST_HEARD_OUT
    while left > 0 and (content := await reader.read(MAX_HEAD)):
        left -= len(content)


async def _streamed(
    stream: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Send lines until there are no more, or the client hangs up."""

    async def send() -> None:
        writer.write(stream.head())
        async for line in stream.lines:
            writer.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            await writer.drain()

    sending = asyncio.create_task(send())
    leaving = asyncio.create_task(reader.read(1))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, leaving):
            task.cancel()
        results = await asyncio.gather(sending, leaving, return_exceptions=True)
    fault = results[0]
    if isinstance(fault, EngineFault):
        last = {"stream": "error", "message": str(fault)}
        writer.write(json.dumps(last, ensure_ascii=False).encode() + b"\n")


@asynccontextmanager
async def on_socket(path: Path, doorway: Doorway) -> AsyncIterator[None]:
    """Listen at ``path`` for its owner alone (0600) within the block; OSError when that can't be.

    A socket that is there already is taken away only when nobody answers at it.
    """
    listening = _bound(path)
    try:
        server = await asyncio.start_unix_server(doorway.serve, sock=listening, limit=MAX_HEAD)
        try:
            yield
        finally:
            server.close()
    finally:
        listening.close()
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 -- pathlib's isn't for async code


@asynccontextmanager
async def on_loopback(port: int, doorway: Doorway) -> AsyncIterator[None]:
    """Listen at 127.0.0.1 within the block."""
    server = await asyncio.start_server(doorway.serve, "127.0.0.1", port, limit=MAX_HEAD)
    try:
        yield
    finally:
        server.close()


def _bound(path: Path) -> socket.socket:
    """Return a socket at ``path`` that doesn't listen yet: nobody got in with a wider mode."""
    with reachable(path) as name:
        _clear(path, name)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.bind(name)
            path.chmod(0o600)
        except OSError:
            made.close()
            raise
    return made


def _clear(path: Path, name: str) -> None:
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(f"{path} is there, and no socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(name)
            except ConnectionRefusedError:
                path.unlink()
                return
        raise OSError(f"somebody else listens at {path}")
