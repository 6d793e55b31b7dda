"""What the tenant API says of itself."""

from dataclasses import dataclass

import httpx

__all__ = ["Part", "TenantHealth", "health_of"]


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
