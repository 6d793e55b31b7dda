"""Start the command, watch parent, beat and signals, and leave nothing running."""

import os
import select
import signal
from collections.abc import Mapping

from . import kernel, lock
from .beat import Beat
from .kernel import boot_seconds, say
from .options import Options, UsageError, read_env_file
from .survivors import end_survivors, marks
from .tree import descendants, end_all

__all__ = ["BEAT_LOST", "PARENT_GONE", "run"]

PARENT_GONE = 0
BEAT_LOST = 75
_STOPPING = (signal.SIGTERM, signal.SIGINT)
_FORWARDED = (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)
_WATCHED = (*_STOPPING, *_FORWARDED, signal.SIGCHLD)
_LEFTOVER_PATIENCE = 1.0
_LONGEST_WAIT = 5.0
_POLL_PARENT = 0.5


def run(options: Options) -> int:
    """Run ``options.command`` to its end; return its exit code, 128 + n when signal n ended it.

    Returns only when no descendant is left: those still there when the command has ended, when
    the parent has died, when the beat has stopped, or ``grace`` seconds after SIGTERM or SIGINT
    are killed. 75 means that the beat stopped, 2 that the arguments were wrong.
    """
    for number in (*_STOPPING, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    parent = os.getppid()
    kernel.become_subreaper()
    kernel.die_with_parent(signal.SIGTERM)
    if options.parent not in {None, parent} or os.getppid() != parent:
        return PARENT_GONE
    try:
        return _run(options, parent)
    except UsageError as exc:
        say(str(exc))
        return 2


def _run(options: Options, parent: int) -> int:
    beat = Beat(options)
    environment = _environment(options)
    held = lock.acquire(options.lock) if options.lock else None
    end_survivors(options)
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    child = _start(options.command, environment)
    try:
        return _Watch(options, parent, child, beat).run()
    finally:
        if held is not None:
            os.close(held)


def _environment(options: Options) -> dict[str, str]:
    environment = dict(os.environ)  # noqa: TID251 -- a guard hands its environment on
    for path in options.env_files:
        environment |= read_env_file(path)
    if options.site is not None:
        environment["IOTISTIC_SITE"] = options.site
    environment |= marks(options)
    if options.spare is not None:
        environment.pop(options.spare, None)
    return environment


def _start(command: tuple[str, ...], environment: Mapping[str, str]) -> int:
    guard = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        kernel.die_with_parent(signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(1)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execvpe(command[0], command, environment)  # noqa: S606 -- that is its job
    except OSError as exc:
        say(f"can't run {command[0]}: {exc.strerror}")
        os._exit(127 if isinstance(exc, FileNotFoundError) else 126)
    finally:
        os._exit(126)


class _Watch:
    """The loop between the command's start and the last descendant's end."""

    def __init__(self, options: Options, parent: int, child: int, beat: Beat) -> None:
        self._grace, self._spare = options.grace, options.spare
        self._stop_signal = options.stop_signal
        self._parent, self._child, self._beat = parent, child, beat
        self._code: int | None = None
        self._kill_at = float("inf")
        self._signals, wakeup = os.pipe()
        os.set_blocking(wakeup, False)
        os.set_blocking(self._signals, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        for number in _WATCHED:
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        self._parent_fd = _open_process(parent)

    def run(self) -> int:
        """Return the exit code when everything has ended."""
        patience = self._wait()
        end_all(lambda: descendants(os.getpid(), self._spare), patience, self._reap)
        if boot_seconds() >= self._beat.until:
            return BEAT_LOST
        return self._code if self._code is not None else 128 + signal.SIGKILL

    def _wait(self) -> float:
        poller = select.poll()
        for descriptor in (self._signals, self._parent_fd, self._beat.fd):
            if descriptor is not None:
                poller.register(descriptor, select.POLLIN)
        while True:
            self._reap()
            if self._code is not None:
                return min(self._grace, _LEFTOVER_PATIENCE)
            if self._must_end():
                return 0
            poller.poll(max(0.0, self._longest_wait()) * 1000)
            self._beat.read()
            for number in self._received():
                self._handle(number)

    def _must_end(self) -> bool:
        now = boot_seconds()
        if os.getppid() != self._parent:
            say("the parent has ended: ending everything below")
        elif now >= self._beat.until:
            say("the beat has stopped: ending everything below")
        elif now >= self._kill_at:
            say("still running after the grace: ending everything below")
        else:
            return False
        return True

    def _longest_wait(self) -> float:
        limit = _LONGEST_WAIT if self._parent_fd is not None else _POLL_PARENT
        until = min(self._beat.until, self._kill_at)
        if until == float("inf") and self._parent_fd is not None:
            return 3600
        return min(until - boot_seconds() + 0.001, limit)

    def _received(self) -> bytes:
        try:
            return os.read(self._signals, 4096)
        except BlockingIOError:
            return b""

    def _handle(self, number: int) -> None:
        if number == signal.SIGCHLD or os.getppid() != self._parent:
            return
        if not (number == signal.SIGINT and _from_terminal()):
            self._forward(self._meant(number))
        if number in _STOPPING:
            again = self._kill_at != float("inf")
            self._kill_at = 0.0 if again else boot_seconds() + self._grace

    def _meant(self, number: int) -> int:
        """Return the signal that says to the command what ``number`` said to the guard."""
        return self._stop_signal if self._stop_signal and number in _STOPPING else number

    def _forward(self, number: int) -> None:
        if self._code is None:
            try:
                os.kill(self._child, number)
            except OSError:
                return

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._child:
                code = os.waitstatus_to_exitcode(status)
                self._code = code if code >= 0 else 128 - code


def _open_process(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _from_terminal() -> bool:
    """Tell whether Ctrl-C may have sent it: then the command, in our group, has it already."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
