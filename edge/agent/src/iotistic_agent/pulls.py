"""Images on their way: they come in the background, so that repairs needn't wait."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

from iotistic_agent.faults import EngineFault, NoRoom, PullStopped
from iotistic_agent.images.fetching import ENOUGH
from iotistic_agent.images.progress import Meter, PullProgress, Stop
from iotistic_agent.images.pull import Puller
from iotistic_agent.images.threads import in_thread
from iotistic_agent.logs import Component, log
from iotistic_agent.retries import Retries

__all__ = ["Pulls"]

_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class _Pull:
    task: asyncio.Task[None]
    stop: Stop
    meter: Meter


class Pulls:
    """The pulls of a device.

    ``fresh`` are the images that were looked up for this target, ``cramped`` those that would fit
    if others went first.
    """

    def __init__(self, puller: Puller, retries: Retries, done: Callable[[], None]) -> None:
        self._puller = puller
        self._retries = retries
        self._done = done
        self._pulls: dict[str, _Pull] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._wanted: frozenset[str] | None = None
        self._collecting: asyncio.Task[None] | None = None
        self.fresh: set[str] = set()
        self.cramped: set[str] = set()

    @property
    def under_way(self) -> frozenset[str]:
        """The images that are being pulled now."""
        return frozenset(self._pulls)

    @property
    def progress(self) -> Mapping[str, PullProgress]:
        """How far each of them is."""
        return {image: each.meter.now for image, each in self._pulls.items()}

    def begin_anew(self) -> None:
        """Forget what was found out for the former target."""
        self.fresh.clear()
        self.cramped.clear()

    def begin(self, image: str) -> None:
        """Pull ``image`` unless that is under way."""
        if image in self._pulls:
            return
        log(Component.CONTAINERS).info("pull_started", extra={"image": image})
        stop, meter = Stop(), Meter()
        task = asyncio.create_task(self._pull(image, stop, meter), name=f"pull {image}")
        self._pulls[image] = _Pull(task, stop, meter)

    def want(self, images: Collection[str]) -> None:
        """Stop the pulls of other images, and throw away what they left."""
        for image, pull in self._pulls.items():
            if image not in images:
                pull.stop.stop()
        self._wanted = frozenset(images)
        self._collect()

    def stop(self) -> None:
        """Stop all: the agent ends."""
        self._wanted = None
        for pull in self._pulls.values():
            pull.stop.stop()

    async def _pull(self, image: str, stop: Stop, meter: Meter) -> None:
        try:
            async with self._places:
                await in_thread(lambda: self._puller.pull(image, stop, meter))
        except PullStopped:
            log(Component.CONTAINERS).info("pull_stopped", extra={"image": image})
            self._collect()
        except NoRoom as exc:
            if await self._others_take(exc.lacking):
                self.cramped.add(image)
            self._failed(image, exc, meter)
        except EngineFault as exc:
            self._failed(image, EngineFault("pull", str(exc)), meter)
        except Exception as exc:  # noqa: BLE001 -- this pull's guard: it is tried again, later
            log(Component.CONTAINERS).exception("pull_broke", extra={"image": image})
            self._failed(image, EngineFault("pull", f"{type(exc).__name__}: {exc}"), meter)
        else:
            self._retries.overcome("image", image)
            self.cramped.discard(image)
            self.fresh.add(image)
            log(Component.CONTAINERS).info("pull_finished", extra={"image": image})
        finally:
            del self._pulls[image]
            self._done()

    async def _others_take(self, size: int) -> bool:
        """Tell whether images that aren't wanted take ``size`` bytes."""
        try:
            taken = await asyncio.to_thread(self._puller.freeable, self._wanted or frozenset())
        except EngineFault:
            return False
        return taken >= size

    def _failed(self, image: str, fault: EngineFault, meter: Meter) -> None:
        """Note the next try: soon when this one brought something."""
        if meter.gained >= ENOUGH:
            self._retries.overcome("image", image)
        retry = self._retries.failed("image", image, fault)
        facts = {"image": image, "reason": str(fault), "next": retry.at.isoformat()}
        log(Component.CONTAINERS).warning("pull_failed", extra=facts)

    def _collect(self) -> None:
        """Begin to throw away what isn't wanted, unless that is under way."""
        if self._wanted is not None and self._collecting is None:
            self._collecting = asyncio.create_task(self._collected(), name="collect images")

    async def _collected(self) -> None:
        kept: frozenset[str] | None = None
        try:
            while (wanted := self._wanted) is not None and wanted != kept:
                await in_thread(partial(self._puller.collect, wanted))
                kept = wanted
        except EngineFault as exc:
            log(Component.CONTAINERS).warning("images_not_collected", extra={"reason": str(exc)})
        finally:
            self._collecting = None
