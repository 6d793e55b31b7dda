"""Hashing takes few slots, and they are free again."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.security.passwords import HASHES_AT_ONCE, Passwords


class MemoryHasher:
    """A hasher that waits until the test lets it go on."""

    def __init__(self) -> None:
        self.go, self.running, self.most = threading.Event(), 0, 0
        self._lock = threading.Lock()

    def hash(self, password: str) -> str:
        return f"hash of {password}"

    def verify(self, stored: str, password: str) -> bool:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.go.wait(5)
        with self._lock:
            self.running -= 1
        return stored == f"hash of {password}"


async def test_no_more_than_the_slots_at_once_and_then_503() -> None:
    hasher: Any = MemoryHasher()
    passwords = Passwords(hasher, wait=0.05)
    taken = [
        asyncio.ensure_future(passwords.matches("hash of a", "a")) for _ in range(HASHES_AT_ONCE)
    ]
    await asyncio.sleep(0.02)
    with pytest.raises(Refused) as refused:
        await passwords.matches("hash of a", "a")
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
    hasher.go.set()
    assert await asyncio.gather(*taken) == [True] * HASHES_AT_ONCE
    assert hasher.most == HASHES_AT_ONCE
    assert await passwords.matches("hash of a", "b") is False
    assert await passwords.matches(None, "a") is False


async def test_a_slot_stays_taken_when_the_asker_goes() -> None:
    hasher: Any = MemoryHasher()
    passwords = Passwords(hasher, wait=0.05)
    gone = [asyncio.ensure_future(passwords.matches("x", "a")) for _ in range(HASHES_AT_ONCE)]
    await asyncio.sleep(0.02)
    for task in gone:
        task.cancel()
    with pytest.raises(Refused):
        await passwords.matches("x", "a")
    hasher.go.set()
    await asyncio.sleep(0.05)
    assert await passwords.matches("hash of a", "a") is True
