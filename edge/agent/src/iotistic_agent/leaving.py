"""Leaves the tenant, from wherever it was cut; between two lives of the agent."""

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from iotistic_agent.adapters.cloud import Cloud, verified_by
from iotistic_agent.adapters.erasing import Erasing
from iotistic_agent.adapters.image_table import LOADED, ImageTable
from iotistic_agent.adapters.keys import device_keys
from iotistic_agent.adapters.store import Store
from iotistic_agent.backoff import CLOUD
from iotistic_agent.departure import MARKER, Departure, Departures, Leave
from iotistic_agent.enrolment import Enrolment
from iotistic_agent.faults import CloudUnavailable, EngineFault, Refused
from iotistic_agent.logs import Component, log
from iotistic_agent.settings import Settings
from iotistic_agent.signed_calls import device_path, release_body
from iotistic_agent.threads import in_thread
from iotistic_pki.files import sync_folder

__all__ = ["leave"]

_KEPT = frozenset({"lock", MARKER, "agent.pid", "agent.log"})
_LOG = "agent.log"


async def leave(
    departures: Departures,
    settings: Settings,
    now: Callable[[], datetime],
    random: Callable[[], float],
) -> Settings:
    """Do what is left of a departure, and return the settings for the time after it.

    What a step did is noted before the next one, and each can be repeated: cut anywhere, it goes
    on at the next start. After a reset no provisioning string is known any more.
    """
    departure = departures.current()
    if departure is None:
        return settings
    log(Component.PROVISIONING).warning("leaving", extra={"how": str(departure.leave)})
    if departure.leave is Leave.DEPROVISION:
        _forget_registration(settings, now)
    else:
        await _reset(departures, departure, settings, now, random)
        settings = replace(settings, provisioning=None)
    departures.done()
    log(Component.PROVISIONING).warning("left", extra={"how": str(departure.leave)})
    return settings


def _forget_registration(settings: Settings, now: Callable[[], datetime]) -> None:
    with closing(_store(settings, now)) as store:
        store.identity.forget_registration()
    Enrolment(settings, settings.state_dir, registered=False).forget()


async def _reset(
    departures: Departures,
    departure: Departure,
    settings: Settings,
    now: Callable[[], datetime],
    random: Callable[[], float],
) -> None:
    if not departure.released:
        await _release(settings, now)
        departure = replace(departure, released=True)
        departures.keep(departure)
    backoff, erasing = CLOUD, Erasing(settings.engine_socket, departure.uuid)
    while True:
        try:
            departure = await _erase_engine(departures, departure, erasing, settings, now)
            break
        except EngineFault as exc:
            backoff = backoff.failed()
            wait = backoff.wait(random)
            facts = {"reason": str(exc), "next_in": round(wait, 1)}
            log(Component.CONTAINERS).error("reset_waits_for_the_engine", extra=facts)
            await asyncio.sleep(wait)
    await in_thread(_erase_files, settings)


async def _release(settings: Settings, now: Callable[[], datetime]) -> None:
    """Give the registration up at the cloud; when nobody hears it, that is no reason to stay."""
    with closing(_store(settings, now)) as store:
        registration = store.identity.registration()
    if registration is None:
        return
    keys = device_keys(settings.state_dir / "keys")
    context = verified_by(registration.ca_cert, settings.ca_file, now)
    headers = {"X-Device-API-Key": registration.api_key}
    cloud, path = (
        Cloud(registration.endpoint, context, headers),
        device_path(registration, "release"),
    )
    try:
        await in_thread(cloud.call, "POST", path, release_body(registration, keys.signing))
    except (CloudUnavailable, Refused) as exc:
        log(Component.PROVISIONING).error("not_released", extra={"reason": str(exc)})
    finally:
        cloud.close()


async def _erase_engine(
    departures: Departures,
    departure: Departure,
    erasing: Erasing,
    settings: Settings,
    now: Callable[[], datetime],
) -> Departure:
    if departure.images is None:
        with closing(_store(settings, now)) as store:
            targets = [store.targets.slot(slot) for slot in ("candidate", "committed", "previous")]
        wanted = {name for each in targets if each for name in _images_of(each.document)}
        brought = {each.id for each in ImageTable(settings.state_dir / LOADED).all().values()}
        images = wanted | brought | await in_thread(erasing.images)
        departure = replace(departure, images=tuple(sorted(images)))
        departures.keep(departure)
    await in_thread(erasing.remove_objects)
    await in_thread(erasing.remove_images, departure.images or ())
    return departure


def _images_of(document: Mapping[str, object]) -> Iterator[str]:
    """Return the images that a stored target names; what isn't in form names none."""
    apps = document.get("apps")
    for app in apps.values() if isinstance(apps, Mapping) else ():
        services = app.get("services") if isinstance(app, Mapping) else None
        for service in services if isinstance(services, list) else ():
            name = service.get("imageName") if isinstance(service, Mapping) else None
            if isinstance(name, str):
                yield name


def _erase_files(settings: Settings) -> None:
    """Remove all state, the provisioning string, and what a log says."""
    if settings.provisioning_file is not None:
        _erase(settings.provisioning_file)
    for path in settings.state_dir.iterdir():
        if path.name not in _KEPT:
            _erase(path)
    if (settings.state_dir / _LOG).exists():
        (settings.state_dir / _LOG).write_bytes(b"")
    sync_folder(settings.state_dir)


def _erase(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as exc:
        facts = {"path": str(path), "reason": str(exc)}
        log(Component.PROVISIONING).error("not_erased", extra=facts)


def _store(settings: Settings, now: Callable[[], datetime]) -> Store:
    return Store.open(settings.state_dir / "device.sqlite", now)
