"""What the local API is given of the agent."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from iotistic_agent.adapters.engine import DockerEngine
from iotistic_agent.adapters.store import Store
from iotistic_agent.configuration import Configuration
from iotistic_agent.departure import Departures
from iotistic_agent.enrolment import Enrolment
from iotistic_agent.explaining import Difference, differences, noted_fields
from iotistic_agent.link import Link
from iotistic_agent.logs import RecentLines
from iotistic_agent.loops.measure import Measured
from iotistic_agent.settings import Settings
from iotistic_agent.signals import Bells, Board, Situation
from iotistic_agent.uplink import Uplink
from iotistic_agent.workshop import Workshop
from iotistic_contract.planning.containers import WantedContainer, own_container

__all__ = ["Inside"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """The agent's parts; those that block are called in a thread."""

    uuid: str
    version: str
    settings: Settings
    store: Store
    board: Board
    bells: Bells
    now: Callable[[], datetime]
    link: Link
    workshop: Workshop
    engine: DockerEngine
    measured: Measured
    enrolment: Enrolment
    departures: Departures
    recent: RecentLines
    configured: Callable[[], Configuration]
    uplink: Uplink
    poll_interval_ms: Callable[[], int]
    facts: Callable[[], dict[str, str | None]]
    restart: Callable[[], None]
    started_at: str
    diagnosing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def differences(self, situation: Situation, wanted: WantedContainer) -> list[Difference]:
        """Return why a service isn't as wanted; asks the engine, so it blocks."""
        found = own_container(situation.world, wanted)
        noted = None if found is None else noted_fields(self.engine.labels(found.id))
        return differences(situation.world, wanted, noted)
