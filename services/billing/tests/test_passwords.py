"""Hashes of passwords, few at a time."""

import asyncio

import pytest

from iotistic_billing.domain.errors import PasswordsBusy
from iotistic_billing.usecases.passwords import AT_ONCE, Passwords


async def test_only_the_one_that_is_stored_matches(hasher):
    passwords = Passwords(hasher, "nobody's")
    stored = await passwords.hash("right")

    assert await passwords.matches(stored, "right")
    assert not await passwords.matches(stored, "wrong")
    assert not await passwords.matches(None, "nobody's")


async def test_who_is_early_enough_waits(hasher):
    passwords = Passwords(hasher, "nobody's")

    assert len(await asyncio.gather(*(passwords.hash("x") for _ in range(4 * AT_ONCE)))) == 8


async def test_a_slot_is_taken_until_its_thread_ends_even_when_the_caller_has_gone(hasher):
    passwords = Passwords(hasher, "nobody's", wait=1.0)
    hasher.goes_on.clear()
    callers = [asyncio.create_task(passwords.hash("x")) for _ in range(AT_ONCE)]
    for _ in callers:
        await asyncio.to_thread(hasher.held.acquire)
    for caller in callers:
        caller.cancel()

    with pytest.raises(PasswordsBusy) as busy:
        await passwords.hash("y")
    hasher.goes_on.set()

    assert busy.value.headers == {"Retry-After": "1"}
    assert await passwords.hash("y")
