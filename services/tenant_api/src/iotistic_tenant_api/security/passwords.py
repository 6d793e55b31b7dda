"""Passwords of people: argon2id, few at a time, since each hash takes much memory."""

from __future__ import annotations

import asyncio
import math
import secrets
from typing import TYPE_CHECKING, TypeVar

from argon2.exceptions import InvalidHashError, VerificationError

from iotistic_tenant_api.domain.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from argon2 import PasswordHasher

__all__ = ["HASHES_AT_ONCE", "Passwords"]

Result = TypeVar("Result")

HASHES_AT_ONCE = 2  # each takes 64 MiB
LONGEST_WAIT = 10.0


class Passwords:
    """Hashes and compares in threads; Refused 503 after `wait` seconds without a free slot."""

    def __init__(self, hasher: PasswordHasher, *, wait: float = LONGEST_WAIT) -> None:
        self._hasher = hasher
        self._wait = wait
        self._slots = asyncio.Semaphore(HASHES_AT_ONCE)
        self._nobody = hasher.hash(secrets.token_hex(16))

    async def hash(self, password: str) -> str:
        """Return what is stored of `password`."""
        return await self._in_slot(lambda: self._hasher.hash(password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Tell whether `password` is the one of `stored`; False, after the same work, for None."""
        right = await self._in_slot(lambda: self._compare(stored or self._nobody, password))
        return right and stored is not None

    def _compare(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_slot(self, work: Callable[[], Result]) -> Result:
        """Do `work` in a thread; its slot is taken until it ends, even when nobody waits."""
        try:
            async with asyncio.timeout(self._wait):
                await self._slots.acquire()
        except TimeoutError:
            seconds = math.ceil(self._wait)
            raise Refused(
                503, "unavailable", "too many sign in at once; try again", retry_after=seconds
            ) from None
        working = asyncio.ensure_future(asyncio.to_thread(work))
        working.add_done_callback(lambda _: self._slots.release())
        return await asyncio.shield(working)
