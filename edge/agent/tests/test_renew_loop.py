"""The renewal loop by itself: what waits, what goes on, what ends it."""

import asyncio
from dataclasses import replace

import pytest

from edge.agent.tests.test_renewal_planning import DAY, FRESH, NOW, after
from edge.agent.tests.test_store import UUID, registration
from iotistic_agent.adapters.store import Store
from iotistic_agent.clock import Clock
from iotistic_agent.faults import CloudUnavailable, Refused, Renewed, Unauthorized
from iotistic_agent.loops.renew import LONGEST_NAP, renew
from iotistic_agent.renewal.planning import ApiKeyStanding, CredentialsStanding, Standing, Step
from iotistic_agent.session import Sessions
from iotistic_contract.errors import ContractError


class Ended(BaseException):
    """The test has seen enough."""


class Naps:
    """A bell that nobody rings, and the clock that goes on meanwhile."""

    def __init__(self, most: int) -> None:
        self.taken: list[float] = []
        self.seconds = 0.0
        self._most = most

    async def wait(self, seconds: float) -> bool:
        self.taken.append(round(seconds, 1))
        self.seconds += seconds
        if len(self.taken) >= self._most:
            raise Ended
        return False

    def monotonic(self) -> float:
        return self.seconds


class MemoryRenewal:
    """Steps that succeed, or fail as they are told to."""

    def __init__(self, standing: Standing, faults: dict[Step, list[Exception]]) -> None:
        self.standing, self.faults = standing, faults
        self.done: list[str] = []

    def look(self) -> Standing:
        return self.standing

    async def carry_out(self, step: Step) -> None:
        failing = self.faults.get(step, [])
        self.done.append(f"{step}{'!' if failing else ''}")
        await asyncio.sleep(0)
        if failing:
            raise failing.pop(0)
        self.standing = after(self.standing, step)


def run(renewal: MemoryRenewal, naps: Naps):
    return renew(renewal, naps, lambda: 0.5, naps.monotonic)


PENDING = replace(FRESH, key=ApiKeyStanding(since=NOW, pending=True))
BOTH = replace(PENDING, credentials=CredentialsStanding(committed='"a"'))


async def test_what_fails_waits_longer_each_time_and_the_rest_goes_on():
    faults = [CloudUnavailable("away"), ContractError("/x", "nonsense"), Refused(409, "no", "x")]
    renewal, naps = MemoryRenewal(BOTH, {Step.ANNOUNCE_API_KEY: faults}), Naps(5)
    with pytest.raises(Ended):
        await run(renewal, naps)
    assert renewal.done == [
        "announce_api_key!",
        "ask_credentials",
        "test_credentials",
        "announce_api_key!",
        "announce_api_key!",
        "announce_api_key",
        "use_api_key",
    ]
    assert naps.taken == [5.0, 10.0, 20.0, LONGEST_NAP, LONGEST_NAP]


async def test_the_cloud_is_not_asked_before_it_wants_to_be():
    renewal = MemoryRenewal(PENDING, {Step.ANNOUNCE_API_KEY: [CloudUnavailable("busy", 600.0)]})
    naps = Naps(2)
    with pytest.raises(Ended):
        await run(renewal, naps)
    assert naps.taken[0] == 600.0


async def test_it_wakes_when_something_is_due():
    soon = replace(FRESH, credentials=replace(FRESH.credentials, asked_at=NOW - DAY + DAY / 1440))
    naps = Naps(1)
    with pytest.raises(Ended):
        await run(MemoryRenewal(soon, {}), naps)
    assert naps.taken == [60.0]


@pytest.mark.parametrize("fault", [Renewed("the key"), Unauthorized(401, "unauthorized", "dead")])
async def test_what_ends_the_session_ends_it(fault):
    with pytest.raises(type(fault)):
        await run(MemoryRenewal(PENDING, {Step.ANNOUNCE_API_KEY: [fault]}), Naps(1))


async def test_a_wrong_signature_is_no_dead_key():
    fault = Unauthorized(401, "invalid_signature", "wrong")
    renewal, naps = MemoryRenewal(PENDING, {Step.ANNOUNCE_API_KEY: [fault]}), Naps(2)
    with pytest.raises(Ended):
        await run(renewal, naps)
    assert renewal.done == ["announce_api_key!", "announce_api_key", "use_api_key"]


async def test_a_key_that_died_while_it_was_renewed_ends_no_registration(tmp_path, monkeypatch):
    """The poll is refused with the old key in the moment in which the new one is first used."""
    store = Store.open(tmp_path / "device.sqlite", lambda: NOW)
    store.identity.uuid(UUID, str)
    store.identity.register(registration())
    others = (
        "settings",
        "keys",
        "bells",
        "board",
        "link",
        "machine",
        "measured",
        "configured",
        "uplink",
    )
    sessions = Sessions(**dict.fromkeys(others), store=store, clock=Clock())
    held = []

    async def session(self, known) -> None:
        held.append(known.api_key)
        dead = Unauthorized(401, "unauthorized", "dead")
        if len(held) == 1:
            store.identity.renew_key(replace(known, api_key="dk1.a.c"), NOW)
            raise ExceptionGroup("loops", [dead, Renewed("the key")])
        raise ExceptionGroup("loops", [dead])

    monkeypatch.setattr(Sessions, "_one", session)
    with pytest.raises(ExceptionGroup) as caught:
        await sessions.run(registration())
    assert caught.group_contains(Unauthorized)
    assert held == ["dk1.a.b", "dk1.a.c"]
    store.close()
