"""For tests: a tenant API in memory, as much of it as the pages ask for."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

__all__ = ["PASSWORD", "MemoryTenant", "Refusal", "device", "moment"]

PASSWORD = "correct horse battery staple"  # noqa: S105 -- of nobody
ROLES = {
    "viewer": ["read"],
    "operator": ["read", "overrides"],
    "manager": ["devices", "overrides", "provisioning-keys", "read", "target-states"],
    "owner": [
        "audit", "devices", "license", "overrides", "provisioning-keys", "read",
        "target-states", "users",
    ],
}  # fmt: skip


class Refusal(Exception):  # noqa: N818 -- what it is
    """What the API says no with."""

    def __init__(self, status: int, code: str, detail: str = "", **members: Any) -> None:
        super().__init__(code)
        self.status, self.code, self.detail, self.members = status, code, detail, members


def moment(**before: float) -> str:
    """Return the time that long ago, as the API writes it."""
    at = datetime.now(UTC) - timedelta(**before)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def device(number: int, name: str, status: str = "online", **more: Any) -> dict[str, Any]:
    """Return a device as the API lists it."""
    seen = None if status == "never_seen" else moment(seconds=4 if status != "offline" else 9000)
    return {
        "uuid": f"0b4c7d1e-5f60-4a2b-9c3d-{number:012x}",
        "name": name,
        "deviceType": "gateway",
        "fleet": None,
        "tags": {},
        "registered": True,
        "registeredAt": moment(days=9),
        "reregisterUntil": None,
        "online": status not in {"offline", "never_seen"},
        "lastSeenAt": seen,
        "macAddress": "02:00:00:00:00:01",
        "osVersion": "Debian 12",
        "agentVersion": "0.1.0",
        "createdAt": moment(days=9),
        "status": status,
        "targetVersion": 4,
        "appliedVersion": 3 if status in {"outdated", "failing"} else 4,
        "reportStatus": "failed" if status == "failing" else "applied",
        "servicesRunning": 2,
        "servicesTotal": 2,
        "failure": None,
    } | more


@dataclass
class MemoryTenant:
    """Users, tokens, devices.

    ``calls`` is what it was asked, ``answers`` what a test makes it say.
    """

    role: str = "owner"
    second_factor: bool = False
    license: str = "valid"
    devices: list[dict[str, Any]] = field(default_factory=list)
    access: set[str] = field(default_factory=set)
    refresh: str = ""
    spent: set[str] = field(default_factory=set)
    ended: bool = False
    expires_in: int = 900
    away: bool = False
    refreshes: int = 0
    calls: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    answers: dict[tuple[str, str], Any] = field(default_factory=dict)
    events: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)
    streams: int = 0
    health: tuple[int, Any] = (200, {"checks": {"database": {"ok": True}, "broker": {"ok": True}}})

    # --- the wire ---------------------------------------------------------------------------

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, as an ASGI application."""
        if scope["type"] != "http":
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        method, path = scope["method"], scope["path"]
        document = json.loads(body) if body else None
        self.calls.append((method, path, headers, document))
        self.queries.append(dict(parse_qsl(scope["query_string"].decode())))
        if path == "/api/v1/stream" and not self.away:
            await self._stream(send, headers)
            return
        status, answer = 503, None
        if not self.away:
            status, answer = await self._answered(method, path, headers, document)
        kind = b"application/problem+json" if status >= 400 else b"application/json"
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]}
        )
        text = b"" if answer is None else json.dumps(answer).encode()
        await send({"type": "http.response.body", "body": text})

    async def _answered(
        self, method: str, path: str, headers: dict[str, str], body: Any
    ) -> tuple[int, Any]:
        try:
            told = self.answers.get((method, path))
            if isinstance(told, Exception):
                raise told
            if path.startswith("/api/v1/auth/") and path.endswith(("login", "refresh", "logout")):
                return await self._doors(path.rpartition("/")[2], body)
            if path == "/health/ready":
                return self.health
            self._check(headers)
            if told is not None:
                return (204, None) if told is True else (200, told)
            return 200, self._read(method, path)
        except Refusal as no:
            return no.status, {
                "status": no.status,
                "code": no.code,
                "detail": no.detail,
            } | no.members

    def _check(self, headers: dict[str, str]) -> None:
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.access:
            raise Refusal(401, "unauthorized", "no such session")

    async def _stream(self, send: Callable[[Any], Awaitable[None]], headers: Any) -> None:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        status = 200 if token in self.access else 401
        kind = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": status, "headers": kind})
        self.streams += 1
        async for text in self._told():
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _told(self) -> AsyncIterator[str]:
        while (text := await self.events.get()) is not None:
            yield text

    # --- people -----------------------------------------------------------------------------

    async def _doors(self, door: str, body: dict[str, Any]) -> tuple[int, Any]:
        if door == "logout":
            if body["refreshToken"] == self.refresh:
                self.access.clear()
            return 204, None
        if door == "refresh":
            return 200, await self._renewed(body["refreshToken"])
        if body["email"] != "ada@example.com" or body["password"] != PASSWORD:
            raise Refusal(401, "bad_credentials")
        if self.second_factor and "code" not in body:
            raise Refusal(401, "second_factor_required")
        if self.second_factor and body["code"] != "123456":
            raise Refusal(401, "bad_second_factor")
        self.ended = False
        return 200, self._tokens()

    async def _renewed(self, token: str) -> dict[str, Any]:
        """Rotate; a spent token ends the session, without the real API's ten seconds of grace."""
        self.refreshes += 1
        if token in self.spent or self.ended:
            self.ended = True
            self.access.clear()
            raise Refusal(401, "bad_refresh_token")
        if token != self.refresh:
            raise Refusal(401, "bad_refresh_token")
        self.spent.add(token)
        await asyncio.sleep(0.05)
        return self._tokens()

    def _tokens(self) -> dict[str, Any]:
        access, self.refresh = f"at1.s.{secrets.token_hex(8)}", f"rt1.s.{secrets.token_hex(8)}"
        self.access.add(access)
        return {
            "accessToken": access,
            "refreshToken": self.refresh,
            "expiresIn": self.expires_in,
            "user": self.me(),
        }

    def me(self) -> dict[str, Any]:
        """Return the user as /auth/me does."""
        return {
            "id": "7d1e0b4c-5f60-4a2b-9c3d-1e2f3a4b5c6d",
            "email": "ada@example.com",
            "name": "Ada",
            "role": self.role,
            "twoFactor": self.second_factor,
            "disabled": False,
            "createdAt": moment(days=30),
            "lastLoginAt": moment(hours=2),
            "recoveryCodesLeft": 8 if self.second_factor else 0,
            "sessionId": "s",
            "scopes": ROLES[self.role],
        }

    # --- devices ----------------------------------------------------------------------------

    def _read(self, method: str, path: str) -> Any:
        if (method, path) == ("GET", "/api/v1/auth/me"):
            return self.me()
        if (method, path) == ("GET", "/api/license"):
            return {"state": self.license, "license": {"customerName": "Acme Pumps"}, "usage": {}}
        if (method, path) == ("GET", "/api/v1/overview"):
            return self.overview()
        if (method, path) == ("GET", "/api/v1/devices"):
            return {"items": self.devices, "next": None, "total": len(self.devices)}
        for one in self.devices:
            at = f"/api/v1/devices/{one['uuid']}"
            below: dict[str, Any] = {
                at: one,
                f"{at}/target-state": {"uuid": one["uuid"], "spec": None, "overrides": {}},
                f"{at}/current-state": {"report": None, "receivedAt": None, "online": False},
                f"{at}/events": {"items": [], "next": None},
                f"{at}/metrics": {"series": {}},
                f"{at}/logs": {"items": [], "next": None},
                f"{at}/target-state/history": {"items": [], "next": None},
            }
            if path in below:
                return below[path]
        raise Refusal(404, "not_found", f"nothing at {path}")

    def overview(self) -> dict[str, Any]:
        """Return the counts of the devices."""
        names = {"online": "online", "offline": "offline", "never_seen": "neverSeen"}
        counts = dict.fromkeys([*names.values(), "outdated", "failing"], 0)
        for one in self.devices:
            status = one["status"]
            counts[names.get(status, "online")] += 1
            if status in {"outdated", "failing"}:
                counts[status] += 1
        needs = [one for one in self.devices if one["status"] != "online"]
        return {
            "devices": {"total": len(self.devices), **counts},
            "services": {"running": 2 * len(self.devices), "stopped": 0, "paused": 0, "failing": 0},
            "attention": [
                {
                    "uuid": one["uuid"],
                    "name": one["name"],
                    "reason": one["status"],
                    "detail": one["failure"] and "{type}: {message}".format(**one["failure"]),
                    "since": moment(hours=3),
                }
                for one in needs
            ],
            "versions": [{"agentVersion": "0.1.0", "count": len(self.devices)}],
        }
