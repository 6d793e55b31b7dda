"""Passwords of people: argon2id, a few at a time."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from argon2.exceptions import InvalidHashError, VerificationError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

__all__ = ["Passwords"]

HASHES_AT_ONCE = 2  # each takes 64 MiB


class Passwords:
    """Hashes and compares passwords, and takes as long for an account that isn't there."""

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        self._slots = asyncio.Semaphore(HASHES_AT_ONCE)
        self._nobody = hasher.hash(secrets.token_hex(16))

    async def hash(self, password: str) -> str:
        """Return what is stored of `password`."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Tell whether `password` is the one of `stored`; False, after the same work, for None."""
        async with self._slots:
            right = await asyncio.to_thread(self._compare, stored or self._nobody, password)
        return right and stored is not None

    def _compare(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
