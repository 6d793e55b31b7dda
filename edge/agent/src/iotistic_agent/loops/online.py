"""The device's life with the cloud: register, then poll, report and listen until the key dies."""

import asyncio
from collections.abc import Awaitable, Callable

from iotistic_agent.backoff import CLOUD
from iotistic_agent.faults import CloudUnavailable, RegistrationRefused, Unauthorized
from iotistic_agent.logs import Component, log
from iotistic_agent.registration import Registration

__all__ = ["AFTER_A_REFUSAL", "online", "registered"]

AFTER_A_REFUSAL = 3600.0
Session = Callable[[Registration], Awaitable[None]]


async def online(  # noqa: PLR0913 -- what it uses
    *,
    known: Registration | None,
    register: Callable[[], Registration] | None,
    keep: Callable[[Registration], None],
    session: Session,
    random: Callable[[], float],
    now: Callable[[], float],
) -> None:
    """Keep a session with the cloud; ``register`` is None without a provisioning string.

    A key that isn't taken (401) stops all calls. Then one new registration where there is a
    string, at most one an hour, else one try of the session an hour. Containers go on meanwhile.
    ``now`` is in seconds and never goes back.
    """
    registration, renewed_at = known, -AFTER_A_REFUSAL
    while True:
        if registration is None and register is not None:
            registration = await registered(register, random)
            keep(registration)
        if registration is None:
            raise RegistrationRefused("not registered, and no provisioning string")
        try:
            await session(registration)
        except* Unauthorized as group:
            reason = str(group.exceptions[0])
            log(Component.SYNC).error("unauthorized", extra={"reason": reason, "calls": "stopped"})
        if register is not None and now() - renewed_at >= AFTER_A_REFUSAL:
            renewed_at = now()
            renewed = await _once(register)
            if renewed is not None:
                registration = renewed
                keep(renewed)
                continue
        await asyncio.sleep(AFTER_A_REFUSAL)


async def registered(
    register: Callable[[], Registration], random: Callable[[], float]
) -> Registration:
    """Register, however long it takes; what a person must look at is tried once an hour."""
    backoff = CLOUD
    while True:
        try:
            registration = await asyncio.to_thread(register)
        except CloudUnavailable as exc:
            backoff = backoff.failed()
            wait = max(backoff.wait(random), exc.wait or 0.0)
            _show("registration_waits", str(exc), wait)
        except RegistrationRefused as exc:
            wait = AFTER_A_REFUSAL
            _show("registration_refused", str(exc), wait)
        else:
            log(Component.PROVISIONING).info(
                "registered", extra={"registration": registration.registration}
            )
            return registration
        await asyncio.sleep(wait)


async def _once(register: Callable[[], Registration]) -> Registration | None:
    try:
        return await asyncio.to_thread(register)
    except (CloudUnavailable, RegistrationRefused) as exc:
        _show("registration_refused", str(exc), AFTER_A_REFUSAL)
        return None


def _show(event: str, reason: str, wait: float) -> None:
    log(Component.PROVISIONING).error(event, extra={"reason": reason, "next_in": round(wait, 1)})
