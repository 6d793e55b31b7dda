"""What of the device list is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self
from urllib.parse import urlencode

__all__ = ["STATUSES", "DeviceWish"]

STATUSES = ("online", "offline", "never_seen", "outdated", "failing")
SORTS = ("name", "status", "lastSeen", "version")


@dataclass(frozen=True, slots=True)
class DeviceWish:
    """Search, filter, order and page of the device list."""

    q: str = ""
    status: str = ""
    sort: str = "name"
    offset: int = 0
    limit: int = 50

    @classmethod
    def of(cls, query: Mapping[str, Any]) -> Self:
        """Return the wish of an address; what isn't understood is as if it weren't there."""

        def text(name: str) -> str:
            value = query.get(name, "")
            return value if isinstance(value, str) else ""

        status, sort, offset = text("status"), text("sort"), text("offset")
        return cls(
            q=text("q").strip()[:120],
            status=status if status in STATUSES else "",
            sort=sort if sort.removeprefix("-") in SORTS else "name",
            offset=int(offset) if offset.isascii() and offset.isdigit() and len(offset) < 9 else 0,
        )

    def address(self, **changes: Any) -> str:
        """Return the address of this list with ``changes``; another order begins at the start."""
        wish = replace(self, **{"offset": 0, **changes})
        fields = {"q": wish.q, "status": wish.status, "sort": wish.sort, "offset": wish.offset}
        return f"/devices?{urlencode({name: value for name, value in fields.items() if value})}"

    def way(self, key: str) -> Literal["ascending", "descending"] | None:
        """Return how the list is ordered by ``key``."""
        if self.sort == key:
            return "ascending"
        return "descending" if self.sort == f"-{key}" else None
