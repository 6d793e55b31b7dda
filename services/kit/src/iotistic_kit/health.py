"""Liveness and readiness."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from falcon.asgi import Request, Response

from .app import ServiceApp
from .auth import PUBLIC
from .operation import operation

__all__ = ["Check", "Health", "UnhealthyError"]

Check = Callable[[], Awaitable[None]]
_TIMEOUT = 2.0
_KEPT = 1.0


class UnhealthyError(Exception):
    """A check failed; ``str()`` is shown to everyone, so it holds no secret."""


class Health:
    """``/health/live`` and ``/health/ready``, whose named checks raise when something is wrong.

    Readiness answers 200 or 503 with ``{"status", "checks": {name: {"ok", "detail"?}}}``; an
    answer is kept for a second, however many ask.
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = dict(checks)
        self._results: dict[str, dict[str, object]] = {}
        self._until = 0.0
        self._lock = asyncio.Lock()

    def add_to(self, app: ServiceApp) -> None:
        """Add both routes to ``app``."""
        app.add_route("/health/live", self, suffix="live")
        app.add_route("/health/ready", self, suffix="ready")

    @operation("Tell that the process runs", access=PUBLIC)
    async def on_get_live(self, _req: Request, resp: Response) -> None:
        """Answer 200."""
        resp.media = {"status": "ok"}

    @operation("Tell whether the service can work", access=PUBLIC)
    async def on_get_ready(self, _req: Request, resp: Response) -> None:
        """Answer 200, or 503 with the checks that fail."""
        results = await self.results()
        healthy = all(result["ok"] for result in results.values())
        resp.status = 200 if healthy else 503
        resp.media = {"status": "ok" if healthy else "failing", "checks": results}
        resp.set_header("Cache-Control", "no-store")

    async def results(self) -> Mapping[str, dict[str, object]]:
        """Return each check's result, at most a second old."""
        async with self._lock:
            if time.monotonic() >= self._until:
                outcomes = await asyncio.gather(*map(_outcome, self._checks.values()))
                self._results = dict(zip(self._checks, outcomes, strict=True))
                self._until = time.monotonic() + _KEPT
            return self._results


async def _outcome(check: Check) -> dict[str, object]:
    try:
        async with asyncio.timeout(_TIMEOUT):
            await check()
    except UnhealthyError as exc:
        return {"ok": False, "detail": str(exc)}
    except TimeoutError:
        return {"ok": False, "detail": f"no answer in {_TIMEOUT:g} s"}
    except Exception as exc:  # noqa: BLE001 -- a check's fault is its result
        return {"ok": False, "detail": type(exc).__name__}
    return {"ok": True}
