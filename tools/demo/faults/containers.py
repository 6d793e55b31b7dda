"""Faults of services: a container that is removed, an image that doesn't exist."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from .signals import held
from .world import current

if TYPE_CHECKING:
    from tools.demo.api import Api
    from tools.demo.engine import Container
    from tools.demo.parts import Device

    from .watch import Watch
    from .world import World

__all__ = ["remove_container", "with_image", "wrong_image"]

SERVICE = "web"


def remove_container(world: World, device: Device, watch: Watch) -> None:
    """Remove a service's container: the agent makes it again, and reports it."""
    api = world.api(world.tenant_of(device))
    old = world.engine.service(device.uuid, SERVICE)
    if old:
        world.engine.remove(old)
    watch.did(f"removed the container of {SERVICE}, {old.id[:12]}" if old else "there was none")
    watch.until("the agent runs another one", lambda: _running(world, device, old))
    watch.until("its tenant has a report of it", lambda: _reported(world, api, device))


def wrong_image(world: World, device: Device, watch: Watch) -> None:
    """Have a device run an image that doesn't exist, and take that back when it was seen."""
    api = world.api(world.tenant_of(device))
    running = world.engine.service(device.uuid, SERVICE)
    path = f"/api/v1/devices/{device.uuid}/target-state"
    target = api.get(path)
    image = f"{(world.parts.registry or '').partition('//')[2]}/demo/busybox:there-is-none"
    try:
        with held():
            put = _put(
                api, path, target["specRevision"], with_image(target["spec"], SERVICE, image)
            )
        watch.did(f"version {put['version']} wants {SERVICE} to run {image}")
        watch.until("the device reports that it failed", lambda: _failure(api, device, put))
        now = world.engine.service(device.uuid, SERVICE)
        kept = now and running and now.id == running.id and now.state == "running"
        watch.tell(f"the old container {'goes on running' if kept else 'DOES NOT run'}")
    finally:  # also when the write had no answer
        with held():
            back = _take_back(api, path, target["spec"], image)
        watch.tell(f"version {back['version']} is what it was before")
    watch.until("the device has applied it", lambda: _applied(api, device, back["version"]))


def with_image(spec: dict[str, Any], service: str, image: str) -> dict[str, Any]:
    """Return a spec in which a service runs another image."""
    new = copy.deepcopy(spec)
    for app in new["apps"].values():
        for one in app["services"]:
            if one["serviceName"] == service:
                one["imageName"] = image
    return new


def _put(api: Api, path: str, revision: int, spec: dict[str, Any]) -> dict[str, Any]:
    written: dict[str, Any] = api.call("PUT", path, spec, headers={"If-Match": f'"{revision}"'})
    return written


def _take_back(api: Api, path: str, spec: dict[str, Any], image: str) -> dict[str, Any]:
    """Return the target state once it doesn't want the image; another one's spec stays."""
    now: dict[str, Any] = api.get(path)
    if with_image(now["spec"], SERVICE, image) != now["spec"]:
        return now
    return _put(api, path, now["specRevision"], spec)


def _running(world: World, device: Device, old: Container | None) -> str | None:
    new = world.engine.service(device.uuid, SERVICE)
    fresh = new and new.state == "running" and (old is None or new.id != old.id)
    return new.id[:12] if new and fresh else None


def _reported(world: World, api: Api, device: Device) -> bool:
    container = world.engine.service(device.uuid, SERVICE)
    report = current(api, device)["report"] or {}
    return container is not None and any(
        service.get("containerId") == container.id and service["state"] == "running"
        for app in (report.get("apps") or {}).values()
        for service in app["services"].values()
    )


def _failure(api: Api, device: Device, put: dict[str, Any]) -> str | None:
    report = current(api, device)["report"] or {}
    if report.get("failedVersion") != put["version"] or not report.get("failure"):
        return None
    return f"{report['failure']['type']}, {report['failure']['message']}"


def _applied(api: Api, device: Device, version: int) -> bool:
    report = current(api, device)["report"] or {}
    return report.get("appliedVersion") == version and report.get("status") == "applied"
