"""Passwords are hashed by few at a time, since each hash takes much memory."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, TypeVar

from argon2.exceptions import VerificationError

from iotistic_billing.domain.errors import PasswordsBusy

if TYPE_CHECKING:
    from collections.abc import Callable

    from argon2 import PasswordHasher

__all__ = ["Passwords"]

Result = TypeVar("Result")

AT_ONCE = 2  # each takes 64 MiB
LONGEST_WAIT = 10.0


class Passwords:
    """Makes and checks hashes in threads; PasswordsBusy after ``wait`` seconds without a slot.

    ``nobodys`` is any password: what an unknown person's is compared with.
    """

    def __init__(self, hasher: PasswordHasher, nobodys: str, *, wait: float = LONGEST_WAIT) -> None:
        self._hasher = hasher
        self._nobodys = hasher.hash(nobodys)
        self._wait = wait
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def hash(self, password: str) -> str:
        """Return how ``password`` is stored."""
        return await self._in_slot(lambda: self._hasher.hash(password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Tell whether it is the one; without a stored one False, after as much work."""
        right = await self._in_slot(lambda: self._verified(stored or self._nobodys, password))
        return right and stored is not None

    def _verified(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerificationError:
            return False

    async def _in_slot(self, work: Callable[[], Result]) -> Result:
        """Do ``work`` in a thread; its slot is taken until it ends, even when nobody waits."""
        try:
            async with asyncio.timeout(self._wait):
                await self._slots.acquire()
        except TimeoutError:
            raise PasswordsBusy(
                "too many sign in at once; try again soon",
                headers={"Retry-After": str(math.ceil(self._wait))},
            ) from None
        working = asyncio.ensure_future(asyncio.to_thread(work))
        working.add_done_callback(lambda _: self._slots.release())
        return await asyncio.shield(working)
