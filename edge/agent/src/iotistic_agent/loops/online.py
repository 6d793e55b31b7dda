"""The device's life with the cloud: register, then poll, report and listen until the key dies."""

from collections.abc import Awaitable, Callable

from iotistic_agent.backoff import CLOUD
from iotistic_agent.enrolment import Enrolment, Progress, Told
from iotistic_agent.faults import CloudUnavailable, RegistrationRefused, Unauthorized
from iotistic_agent.logs import Component, log
from iotistic_agent.registration import Registration
from iotistic_agent.threads import in_thread

__all__ = ["AFTER_A_REFUSAL", "NO_STRING", "online", "registered"]

AFTER_A_REFUSAL = 3600.0
NO_STRING = (
    "the device isn't registered: give it its provisioning string (iotp1…) with"
    " `iotctl provision`, or in a file that PROVISIONING_API_KEY_FILE names"
)
Register = Callable[[Told], Registration]
Session = Callable[[Registration], Awaitable[None]]


async def online(  # noqa: PLR0913 -- what it uses
    *,
    known: Registration | None,
    enrolment: Enrolment,
    register: Register,
    keep: Callable[[Registration], None],
    session: Session,
    random: Callable[[], float],
    now: Callable[[], float],
) -> None:
    """Keep a session with the cloud; a device without a string waits for one.

    A key that isn't taken (401) stops all calls. Then one new registration where there is a
    string, at most one an hour unless a person gives another one, else one try of the session an
    hour. Containers go on meanwhile. ``now`` is in seconds and never goes back.
    """
    registration, renewed_at = known, -AFTER_A_REFUSAL
    while True:
        if registration is None:
            registration = await registered(enrolment, register, random)
            keep(registration)
        enrolment.show(Progress.REGISTERED)
        try:
            await session(registration)
        except* Unauthorized as group:
            reason = str(group.exceptions[0])
            log(Component.SYNC).error("unauthorized", extra={"reason": reason, "calls": "stopped"})
            enrolment.show(Progress.REVOKED, reason, AFTER_A_REFUSAL)
        if enrolment.told is not None and now() - renewed_at >= AFTER_A_REFUSAL:
            renewed_at = now()
            renewed = await _once(enrolment, register, enrolment.told)
            if renewed is not None:
                registration = renewed
                keep(renewed)
                continue
        while await enrolment.another(AFTER_A_REFUSAL):
            assert enrolment.told is not None  # noqa: S101 -- it has just been given
            renewed_at = now()
            renewed = await _once(enrolment, register, enrolment.told)
            if renewed is not None:
                registration = renewed
                keep(renewed)
                break


async def registered(
    enrolment: Enrolment, register: Register, random: Callable[[], float]
) -> Registration:
    """Register, however long it takes; what a person must look at is tried once an hour."""
    backoff = CLOUD
    while True:
        told = enrolment.told
        if told is None:
            log(Component.PROVISIONING).warning("not_registered", extra={"reason": NO_STRING})
            enrolment.show(Progress.WAITING_FOR_KEY, NO_STRING)
            await enrolment.another(None)
            continue
        enrolment.show(Progress.REGISTERING)
        try:
            registration = await in_thread(register, told)
        except CloudUnavailable as exc:
            backoff = backoff.failed()
            wait = max(backoff.wait(random), exc.wait or 0.0)
            event, progress, reason = "registration_waits", Progress.RETRYING, str(exc)
        except RegistrationRefused as exc:
            wait = AFTER_A_REFUSAL
            event, progress, reason = "registration_refused", Progress.REFUSED, str(exc)
        else:
            log(Component.PROVISIONING).info(
                "registered", extra={"registration": registration.registration}
            )
            return registration
        _show(event, reason, wait)
        if enrolment.told is told:
            enrolment.show(progress, reason, wait)
        if await enrolment.another(wait):
            backoff = CLOUD


async def _once(enrolment: Enrolment, register: Register, told: Told) -> Registration | None:
    try:
        return await in_thread(register, told)
    except (CloudUnavailable, RegistrationRefused) as exc:
        _show("registration_refused", str(exc), AFTER_A_REFUSAL)
        if enrolment.told is told:
            enrolment.show(Progress.REVOKED, str(exc), AFTER_A_REFUSAL)
        return None


def _show(event: str, reason: str, wait: float) -> None:
    log(Component.PROVISIONING).error(event, extra={"reason": reason, "next_in": round(wait, 1)})
