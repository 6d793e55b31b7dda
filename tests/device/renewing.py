"""The parts of the agent that renew, at the real tenant API, without its loops."""

import asyncio
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iotistic_agent.adapters.broker_trial import Verdict
from iotistic_agent.adapters.cloud import Answer, judged
from iotistic_agent.adapters.keys import DeviceKeys, device_keys
from iotistic_agent.adapters.store import Store
from iotistic_agent.faults import Renewed
from iotistic_agent.registration import Registration
from iotistic_agent.renewal.around import Around, Heard
from iotistic_agent.renewal.planning import Step, next_step
from iotistic_agent.renewal.work import Renewal

__all__ = ["Agent", "ApiCloud", "PowerCut"]


class PowerCut(BaseException):
    """The machine is off."""


@dataclass
class ApiCloud:
    """The agent's side of a connection to the application, which runs in this process."""

    api: Any
    key: str
    loop: asyncio.AbstractEventLoop
    cuts: list[str] = field(default_factory=list)

    def call(self, method: str, target: str, body: object = None, headers: Any = None) -> Answer:
        """Ask, from another thread; the power may be cut after the cloud did what it was asked."""
        sent = {"X-Device-API-Key": self.key, **(headers or {})}
        asked = self.api.ask(method, target, body, headers=sent)
        answer = asyncio.run_coroutine_threadsafe(asked, self.loop).result(20)
        asyncio.run_coroutine_threadsafe(self.api.heard(), self.loop).result(20)
        if any(target.endswith(each) for each in self.cuts):
            raise PowerCut
        named = {name.lower(): text for name, text in answer.headers.items()}
        return judged(Answer(answer.status_code, named, answer.content))

    def close(self) -> None:
        """Leave nothing open."""


@dataclass
class Agent:
    """The parts of an agent that renew, built anew from its folder as after a start."""

    api: Any
    folder: Path
    verdict: Verdict = Verdict.GOOD
    connected: bool = True
    cuts: list[str] = field(default_factory=list)
    tried: list[Registration] = field(default_factory=list)

    def store(self) -> Store:
        return Store.open(self.folder / "device.sqlite", self.api.clock.now)

    def keys(self) -> DeviceKeys:
        return device_keys(self.folder / "keys")

    def cloud(self, registration: Registration) -> ApiCloud:
        loop = asyncio.get_running_loop()
        return ApiCloud(self.api, registration.api_key, loop, self.cuts)

    def trial(self, registration: Registration) -> Verdict:
        self.tried.append(registration)
        return self.verdict

    def renewal(self, store: Store) -> Renewal:
        registration = store.identity.registration()
        assert registration is not None
        return Renewal(
            Around(
                registration=registration,
                store=store,
                keys=self.keys(),
                cloud=self.cloud(registration),  # type: ignore[arg-type]
                call_as=self.cloud,  # type: ignore[arg-type]
                try_broker=self.trial,
                connected=lambda: self.connected,
                heard=Heard(),
                now=self.api.clock.now,
            )
        )

    async def step(self) -> Step | None:
        """Start, look, do one step, and end."""
        with closing(self.store()) as store:
            renewal = self.renewal(store)
            step = next_step(renewal.look())
            if step is not None:
                with suppress(Renewed):
                    await renewal.carry_out(step)
            return step

    async def finish(self) -> list[Step]:
        """Step until there is nothing to do."""
        done: list[Step] = []
        while (step := await self.step()) is not None:
            done.append(step)
            assert len(done) < 12, done
        return done

    def registration(self) -> Registration:
        with closing(self.store()) as store:
            found = store.identity.registration()
        assert found is not None
        return found

    def pending(self) -> str | None:
        with closing(self.store()) as store:
            found = store.renewals.pending_key()
        return None if found is None else found.api_key
