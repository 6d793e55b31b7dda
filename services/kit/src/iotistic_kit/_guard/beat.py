"""The beat: signs of life over a pipe from whoever holds the lease."""

import os

from .kernel import boot_seconds
from .options import Options, UsageError

__all__ = ["Beat"]


class Beat:
    """Lines over a pipe: each holds the time (CLOCK_BOOTTIME seconds) that it counts from."""

    def __init__(self, options: Options) -> None:
        self.fd = options.beat_fd
        self._timeout = options.beat_timeout
        self._rest = b""
        self.until = float("inf")
        if self.fd is not None:
            try:
                os.set_inheritable(self.fd, False)  # noqa: FBT003 -- the standard library's
                os.set_blocking(self.fd, False)
            except OSError as exc:
                raise UsageError(f"--beat-fd {self.fd}: {exc.strerror}") from None
            self.until = boot_seconds() + self._timeout

    def read(self) -> None:
        """Take what has come; the other end closed counts as a beat that stopped."""
        if self.fd is None:
            return
        try:
            text = os.read(self.fd, 65536)
        except BlockingIOError:
            return
        if not text:
            self.until = 0.0
            return
        *lines, self._rest = (self._rest + text).split(b"\n")
        for line in lines:
            self.until = _counted_from(line) + self._timeout


def _counted_from(line: bytes) -> float:
    now = boot_seconds()
    try:
        return min(float(line), now)
    except ValueError:
        return now
