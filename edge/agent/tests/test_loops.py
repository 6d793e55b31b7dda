"""Loops by themselves: the guard, the life with the cloud, the broker's older protocol."""

import asyncio
import socket
import threading
from dataclasses import replace

import pytest

from edge.agent.tests.test_store import UUID, registration
from iotistic_agent.adapters.broker import Broker, Hears
from iotistic_agent.faults import (
    CloudUnavailable,
    EngineFault,
    RegistrationRefused,
    Unauthorized,
)
from iotistic_agent.loops import online as online_module
from iotistic_agent.loops.broker import hold_broker
from iotistic_agent.loops.guard import LoopEnded, guarded
from iotistic_agent.loops.online import online, registered
from iotistic_contract.provisioning import BrokerConfig, MqttAccess
from iotistic_contract.topics import device_topics


@pytest.fixture
def naps(monkeypatch) -> list[float]:
    """Sleeps are written down instead of slept."""
    taken: list[float] = []
    sleep = asyncio.sleep

    async def nap(seconds: float) -> None:
        taken.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", nap)
    return taken


async def test_a_defect_in_a_loop_is_not_its_end(naps):
    tries = []

    async def loop() -> None:
        tries.append(1)
        if len(tries) < 4:
            raise KeyError("a defect")
        raise EngineFault("engine", "on purpose")

    with pytest.raises(EngineFault):
        await guarded("x", loop, lambda: 0.5)
    assert naps == [1.0, 2.0, 4.0]


async def test_a_loop_that_returns_is_a_fault():
    async def loop() -> None:
        return

    with pytest.raises(LoopEnded, match="x"):
        await guarded("x", loop, lambda: 0.5)


class Desk:
    """An enrolment with a string, where nobody gives another one."""

    told = object()

    def __init__(self, naps: list[float]) -> None:
        self.naps, self.shown = naps, []

    def show(self, progress, reason=None, next_in=None) -> None:
        self.shown.append(progress)

    async def another(self, seconds) -> bool:
        self.naps.append(seconds)
        return False


async def test_registration_waits_as_long_as_it_is_told(naps):
    answers = [
        CloudUnavailable("no answer"),
        CloudUnavailable("busy", 7.0),
        RegistrationRefused("key_bound"),
        registration(),
    ]

    def register(_):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    desk = Desk(naps)
    assert await registered(desk, register, lambda: 0.5) == registration()
    assert desk.shown == ["registering", "retrying"] * 2 + ["registering", "refused", "registering"]
    assert naps == [1.0, 7.0, 3600.0]


async def test_a_dead_key_gets_one_new_registration_an_hour(naps):
    clock, sessions, kept = [0.0], [], []

    async def session(_) -> None:
        sessions.append(clock[0])
        if len(sessions) == 5:
            raise KeyboardInterrupt
        clock[0] += 1.0
        raise ExceptionGroup("loops", [Unauthorized(401, "unauthorized", "dead")])

    async def hours() -> None:
        await online(
            known=registration(),
            enrolment=Desk(naps),
            register=lambda _: registration(),
            keep=kept.append,
            session=session,
            random=lambda: 0.5,
            now=lambda: clock[0],
        )

    with pytest.raises(KeyboardInterrupt):
        await hours()
    assert len(kept) == 1, "the clock stands still between the naps"
    assert naps == [online_module.AFTER_A_REFUSAL] * 3


def serve_old_broker(seen: list[int]) -> socket.socket:
    """Answer CONNECT of MQTT 5 as a broker of old does, and take 3.1.1."""
    listener = socket.create_server(("127.77.5.20", 0))

    def talk() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            level = client.recv(1024).partition(b"MQTT")[2][0]
            seen.append(level)
            client.sendall(b"\x20\x02\x00\x01" if level == 5 else b"\x20\x02\x00\x00")
            client.close()

    threading.Thread(target=talk, daemon=True).start()
    return listener


async def test_a_broker_without_mqtt_5_is_spoken_to_in_3_1_1(tmp_path):
    seen: list[int] = []
    listener = serve_old_broker(seen)
    config = BrokerConfig(
        protocol="mqtt", host="127.77.5.20", port=listener.getsockname()[1], use_tls=False
    )
    access = MqttAccess(
        broker_config=config, username=UUID, password="p", topics=device_topics(UUID)
    )
    who = replace(registration(), mqtt=access)

    def make(modern, too_modern) -> Broker:
        hears = Hears(
            subscribed=lambda: None,
            lost=lambda: None,
            update=lambda: None,
            ordered=lambda: None,
            too_modern=too_modern,
        )
        return Broker(who, tmp_path / "tls.key", hears, modern=modern)

    task = asyncio.create_task(hold_broker(make))
    async with asyncio.timeout(5):
        while 4 not in seen:  # noqa: ASYNC110 -- looks from outside
            await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    listener.close()
    assert seen[:2] == [5, 4]
