"""A release on trial: a child of this process, judged by this release, which is known to work.

As a child it needs nobody to start it again, and whoever looks after the agent (systemd, a
supervisor, a person) sees one process all the time.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from iotistic_agent.adapters.cloud import Cloud, verified_by
from iotistic_agent.adapters.program import Program
from iotistic_agent.adapters.store import Store
from iotistic_agent.adapters.unix_http import UnixHttp
from iotistic_agent.ambient import utc_now
from iotistic_agent.faults import AgentFault, EngineFault
from iotistic_agent.settings import Settings
from iotistic_contract.planning.agent_update import Health, Surroundings, may_stay

__all__ = ["Stopped", "tried"]

_LOOK_EVERY = 0.5
_QUICK = 5.0
_GOODBYE = 20.0
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


class Stopped(Exception):  # noqa: N818 -- a condition, not a fault
    """Somebody ends the agent while a release is on trial."""


def tried(program: Program, version: str, settings: Settings) -> str | None:
    """Start the new release and judge it; return why it can't stay, None when it can."""
    surroundings = _Surroundings(settings)
    with _ends_stop_us():
        try:
            child = subprocess.Popen(  # noqa: S603 -- a fixed program, no shell
                [program.executable(version)],
                preexec_fn=_die_with_parent(),  # noqa: PLW1509 -- there is one thread
            )
        except OSError as exc:
            return f"it can't be started: {exc.strerror}"
        try:
            return _judged(child, settings, surroundings)
        finally:
            _end(child)


def _judged(
    child: subprocess.Popen[bytes], settings: Settings, surroundings: "_Surroundings"
) -> str | None:
    asks = UnixHttp(settings.api_socket)
    window, timeout = settings.upgrade_window_ms / 1000, settings.upgrade_timeout_ms / 1000
    began, since, last = time.monotonic(), None, "it never answered"
    while (now := time.monotonic()) - began < timeout:
        if child.poll() is not None:
            return f"it ended with {child.returncode}"
        health = _health(asks)
        if may_stay(health, surroundings.there(health)):
            since = now if since is None else since
            if now - since >= window:
                return None
        else:
            since, last = None, _words(health)
        with suppress(subprocess.TimeoutExpired):
            child.wait(_LOOK_EVERY)
    return f"it wasn't healthy within {timeout:.0f} s: {last}"


def _health(asks: UnixHttp) -> Health | None:
    try:
        _, health = asks.call("GET", "/health", timeout=_QUICK)
        _, device = asks.call("GET", "/v2/device", timeout=_QUICK)
    except EngineFault:
        return None
    return Health.of(_object(health), _object(device))


def _object(document: Any) -> dict[str, Any]:
    return document if isinstance(document, dict) else {}


def _words(health: Health | None) -> str:
    if health is None:
        return "it doesn't answer"
    names = {"reconciler": health.reconciles, "engine": health.engine, "cloud": health.cloud}
    return "it doesn't reach: " + ", ".join(name for name, ok in names.items() if not ok)


class _Surroundings:
    """What this release, which is known to work, finds where the one on trial finds nothing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        store = Store.open(settings.state_dir / "device.sqlite", utc_now)
        try:
            self._registration = store.identity.registration()
        finally:
            store.close()

    def there(self, health: Health | None) -> Surroundings:
        """Ask only about what the release on trial doesn't reach."""
        if health is None:
            return Surroundings(engine=True, cloud=True)
        works = health.reconciles and health.engine
        return Surroundings(
            engine=works or self._engine(),
            cloud=health.cloud or self._cloud(),
        )

    def _engine(self) -> bool:
        try:
            UnixHttp(self._settings.engine_socket).call("GET", "/_ping", timeout=_QUICK)
        except EngineFault:
            return False
        return True

    def _cloud(self) -> bool:
        """Poll as the agent would; a cloud that doesn't take this device's key is none for it."""
        known = self._registration
        if known is None:
            return False
        context = verified_by(known.ca_cert, self._settings.ca_file)
        cloud = Cloud(known.endpoint, context, {"X-Device-API-Key": known.api_key})
        try:
            cloud.call("GET", urlsplit(known.target_state_url).path)
        except AgentFault:
            return False
        finally:
            cloud.close()
        return True


@contextmanager
def _ends_stop_us() -> Iterator[None]:
    """Raise Stopped inside at SIGTERM and SIGINT."""

    def stop(*_: object) -> None:
        raise Stopped

    before: dict[signal.Signals, Any] = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _die_with_parent() -> Callable[[], object]:
    """Return what a child calls in order to be killed when its parent ends, however that is."""
    from ctypes import CDLL  # noqa: PLC0415 -- needed in a trial only

    prctl = CDLL(None).prctl
    return lambda: prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_GOODBYE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
