"""What all renewals of one session work with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from iotistic_agent.adapters.broker_trial import Verdict
from iotistic_agent.adapters.cloud import Answer, Cloud
from iotistic_agent.adapters.keys import DeviceKeys
from iotistic_agent.adapters.store import Store
from iotistic_agent.registration import Registration
from iotistic_agent.signed_calls import device_path
from iotistic_agent.threads import in_thread

__all__ = ["Around", "Heard"]

_AN_HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Heard:
    """What the cloud says in whatever answer: the ETag of credentials, and the time."""

    etag: str | None = None
    time: datetime | None = None

    def take(self, etag: str | None, time: datetime | None) -> bool:
        """Note it; True when it is worth a look: another ETag, or a time an hour later."""
        news = etag is not None and etag != self.etag
        if etag is not None:
            self.etag = etag
        if time is not None and (self.time is None or time >= self.time + _AN_HOUR):
            self.time, news = time, True
        return news


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The session's registration, and what its renewals use.

    ``call_as`` gives a connection to the cloud as another registration: with its API key and its
    anchors. ``try_broker`` tells whether the broker lets it in; both block. ``connected`` tells
    whether the session's own connection to the broker is up.
    """

    registration: Registration
    store: Store
    keys: DeviceKeys
    cloud: Cloud
    call_as: Callable[[Registration], Cloud]
    try_broker: Callable[[Registration], Verdict]
    connected: Callable[[], bool]
    heard: Heard
    now: Callable[[], datetime]

    async def post(self, last: str, body: object) -> Answer:
        """Make a call about this device."""
        path = device_path(self.registration, last)
        return await in_thread(self.cloud.call, "POST", path, body)

    async def ask(self, etag: str | None, as_: Registration | None = None) -> Answer:
        """Ask for the credentials; 304 when they have that ETag.

        As this registration over its connection, or as another one over one of its own.
        """
        cloud = self.cloud if as_ is None else self.call_as(as_)
        headers = {} if etag is None else {"If-None-Match": etag}
        path = device_path(self.registration, "credentials")
        try:
            return await in_thread(cloud.call, "GET", path, None, headers)
        finally:
            if as_ is not None:
                cloud.close()

    async def trial(self, as_: Registration) -> Verdict:
        """Try the broker of a registration with its certificate."""
        return await in_thread(self.try_broker, as_)
