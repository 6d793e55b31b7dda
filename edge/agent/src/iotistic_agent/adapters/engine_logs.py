"""What a container writes, out of the engine's log stream.

Asked for in HTTP/1.0, so that the answer is a plain stream until its end (Docker Engine API,
ContainerLogs and ContainerAttach: frames of an 8-byte head and a content).
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

from iotistic_agent.faults import EngineFault

__all__ = ["LogLine", "lines_of", "read_logs"]

_STREAMS = {0: "stdin", 1: "stdout", 2: "stderr"}
_MOST = 2**20
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line; ``at`` is RFC 3339 with nanoseconds, as the engine has it."""

    at: str
    stream: str
    message: str


async def read_logs(
    socket: Path, container: str, *, lines: int | None, follow: bool, since: str | None = None
) -> AsyncGenerator[LogLine, None]:
    """Yield the last ``lines`` (all when None) and, with ``follow``, what comes until it ends.

    ``since`` is a line's ``at``: only later ones. EngineFault when the engine can't tell.
    """
    query = {
        "stdout": "1",
        "stderr": "1",
        "timestamps": "1",
        "follow": "1" if follow else "0",
        "tail": "all" if lines is None else str(lines),
        **({"since": _unix(since)} if since else {}),
    }
    try:
        reader, writer = await asyncio.open_unix_connection(socket)
    except OSError as exc:
        raise EngineFault("engine", f"no answer at {socket}: {exc}") from None
    try:
        target = f"/containers/{quote(container)}/logs?{urlencode(query)}"
        writer.write(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        await _head(reader)
        async with aclosing(lines_of(reader)) as found:
            async for line in found:
                if since is None or line.at > since:
                    yield line
    except (OSError, EOFError) as exc:
        raise EngineFault("engine", f"the log was cut: {exc}") from None
    finally:
        writer.close()


async def lines_of(reader: asyncio.StreamReader) -> AsyncGenerator[LogLine, None]:
    """Yield the lines of a stream of frames; a cut frame ends it."""
    while True:
        try:
            head = await reader.readexactly(8)
            size = int.from_bytes(head[4:], "big")
            if size > _MOST:
                raise EngineFault("engine", "a frame of the log above 1 MiB")
            content = await reader.readexactly(size)
        except asyncio.IncompleteReadError:
            return
        for text in content.decode("utf-8", "replace").removesuffix("\n").split("\n"):
            at, _, message = text.partition(" ")
            yield LogLine(at, _STREAMS.get(head[0], "stdout"), message)


def _unix(at: str) -> str:
    """Return seconds and nanoseconds since 1970, the only form that the engine's API takes."""
    whole, _, fraction = at.removesuffix("Z").partition(".")
    seconds = datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()
    return f"{int(seconds)}.{fraction or '0'}"


async def _head(reader: asyncio.StreamReader) -> None:
    try:
        async with asyncio.timeout(_PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
    except TimeoutError:
        raise EngineFault("engine", "the engine doesn't answer") from None
    status = head.split(b" ", 2)[1:2]
    if status == [b"200"]:
        return
    content = await reader.read(4096)
    try:
        message = str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        message = f"the engine answers {status}"
    raise EngineFault("engine", message[:500])
