"""How far a pull is, and how it is stopped."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from iotistic_agent.faults import PullStopped

__all__ = ["Meter", "PullProgress", "Stop"]


@dataclass(frozen=True, slots=True)
class PullProgress:
    """Bytes of an image in the store, and all that it takes; both 0 until its manifest came."""

    done: int
    total: int


class Meter:
    """Counts one pull's bytes; any thread may count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = PullProgress(0, 0)
        self._at_first = 0

    @property
    def now(self) -> PullProgress:
        """How far it is."""
        return self._now

    @property
    def gained(self) -> int:
        """Bytes that this pull brought and kept."""
        return self._now.done - self._at_first

    def begin(self, done: int, total: int) -> None:
        """Say what is to come, and what of it is there already."""
        self._now, self._at_first = PullProgress(done, total), done

    def moved(self, count: int) -> None:
        """Count bytes that came, or, below zero, that were thrown away."""
        with self._lock:
            self._now = PullProgress(self._now.done + count, self._now.total)


class Stop:
    """Told by one thread, felt by those that work: they raise PullStopped."""

    def __init__(self) -> None:
        self._told = threading.Event()
        self._sockets: set[socket.socket] = set()

    def stop(self) -> None:
        """End what is under way; whoever waits for a registry sees the connection's end."""
        self._told.set()
        for each in tuple(self._sockets):
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)  # below TLS, which has no lock

    def check(self) -> None:
        """Raise when the pull is to end."""
        if self._told.is_set():
            raise PullStopped("the pull was stopped")

    def sleep(self, seconds: float) -> None:
        """Wait, or raise as soon as the pull is to end."""
        self._told.wait(seconds)
        self.check()

    def watched(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield ``chunks``, and raise between two of them when the pull is to end."""
        for chunk in chunks:
            self.check()
            yield chunk

    @contextmanager
    def closing(self, connection: socket.socket) -> Iterator[None]:
        """Let ``stop`` reach a connection until the block ends."""
        self._sockets.add(connection)
        try:
            self.check()
            yield
        finally:
            self._sockets.discard(connection)
