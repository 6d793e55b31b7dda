"""What the tenant API says of itself."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

__all__ = ["Part", "RecentHealth", "TenantHealth", "health_of"]

RECENT = 2.0


@dataclass(frozen=True, slots=True)
class Part:
    """One named check: whether it holds, and why not."""

    name: str
    works: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TenantHealth:
    """All checks; ``reachable`` is False when the API didn't answer, and then there are none."""

    reachable: bool
    parts: tuple[Part, ...] = ()

    @property
    def works(self) -> bool:
        """Whether every part does."""
        return self.reachable and all(part.works for part in self.parts)


async def health_of(client: httpx.AsyncClient) -> TenantHealth:
    """Ask the API for its readiness; an API that doesn't answer is a result, not an error."""
    try:
        answer = await client.get("/health/ready")
        checks = answer.json()["checks"]
    except (httpx.HTTPError, ValueError, KeyError):
        return TenantHealth(reachable=False)
    return TenantHealth(
        reachable=True,
        parts=tuple(
            Part(name, bool(check.get("ok")), str(check.get("detail", "")))
            for name, check in sorted(checks.items())
        ),
    )


class RecentHealth:
    """What was said last, asked for anew when it is 2 s old: however many look, one asks."""

    def __init__(
        self, ask: Callable[[], Awaitable[TenantHealth]], now: Callable[[], float]
    ) -> None:
        self._ask, self._now = ask, now
        self._lock = asyncio.Lock()
        self._said: tuple[float, TenantHealth] | None = None

    async def __call__(self) -> TenantHealth:
        """Return it."""
        async with self._lock:
            if self._said is None or self._now() - self._said[0] >= RECENT:
                health = await self._ask()
                self._said = self._now(), health
            return self._said[1]
