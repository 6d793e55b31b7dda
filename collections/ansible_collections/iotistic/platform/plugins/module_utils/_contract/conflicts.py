# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""What may not stand together in one device's apps."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .errors import ContractError, escape

if TYPE_CHECKING:
    from .ports import Port
    from .target_state import App, Service

__all__ = ["conflicts"]


def conflicts(apps: "Mapping[str, App]") -> Iterator[ContractError]:
    """Yield every conflict, each pointing to the later one of the two."""
    yield from _app_ids(apps)
    yield from _service_ids(apps)
    yield from _engine_names(apps)
    yield from _shared_names(apps)
    yield from _ports(apps)
    for key, app in apps.items():
        yield from _dependencies(f"/apps/{escape(key)}", app.services)


def _placed(apps: "Mapping[str, App]") -> "Iterator[tuple[str, App, Service]]":
    for key, app in apps.items():
        for index, service in enumerate(app.services):
            yield f"/apps/{escape(key)}/services/{index}", app, service


def _app_ids(apps: "Mapping[str, App]") -> Iterator[ContractError]:
    for key, app in apps.items():
        if app.app_id != key:
            yield ContractError(f"/apps/{escape(key)}/appId", f"differs from its key {key}")


def _service_ids(apps: "Mapping[str, App]") -> Iterator[ContractError]:
    seen: dict[str, str] = {}
    for pointer, _, service in _placed(apps):
        first = seen.setdefault(service.service_id, pointer)
        if first != pointer:
            yield ContractError(f"{pointer}/serviceId", f"the id {service.service_id} stands twice")


def _engine_names(apps: "Mapping[str, App]") -> Iterator[ContractError]:
    """Containers are named <appId>-<serviceName>: a-b + c and a + b-c would be one."""
    seen: dict[str, tuple[str, str]] = {}
    for pointer, app, service in _placed(apps):
        name = f"{app.app_id}-{service.service_name}"
        first, other = seen.setdefault(name, (pointer, service.service_id))
        if first != pointer:
            detail = f"its container would be named as that of service {other}"
            yield ContractError(f"{pointer}/serviceName", detail)


def _shared_names(apps: "Mapping[str, App]") -> Iterator[ContractError]:
    """Volumes and networks are named <appId>-<name>: two apps must not come to one name."""
    owners: dict[tuple[str, str], str] = {}
    for pointer, app, service in _placed(apps):
        for kind, index, name in _named(service):
            joined = f"{app.app_id}-{name}"
            owner = owners.setdefault((kind, joined), app.app_id)
            if owner != app.app_id:
                here = f"{pointer}/config/{kind}/{index}"
                yield ContractError(here, f"its name on the device is one of app {owner}'s too")


def _named(service: "Service") -> Iterator[tuple[str, int, str]]:
    for index, volume in enumerate(service.config.volumes):
        if not volume.is_bind:
            yield "volumes", index, volume.source
    for index, network in enumerate(service.config.networks):
        yield "networks", index, network


def _ports(apps: "Mapping[str, App]") -> Iterator[ContractError]:
    seen: dict[tuple[int, str], list[tuple[str, Port]]] = {}  # service ids and their ports
    for pointer, _, service in _placed(apps):
        for index, port in enumerate(service.config.ports):
            here = f"{pointer}/config/ports/{index}"
            others = seen.setdefault((port.host_port, port.protocol), [])
            first = next((owner for owner, other in others if port.meets(other)), None)
            if first is not None:
                yield ContractError(here, f"{port.to_wire()} is published by service {first} too")
            others.append((service.service_id, port))


def _dependencies(pointer: str, services: "tuple[Service, ...]") -> Iterator[ContractError]:
    needs = {service.service_name: list(_needs(service)) for service in services}
    for index, service in enumerate(services):
        for where, name in needs[service.service_name]:
            here = f"{pointer}/services/{index}/config/{where}"
            if name not in needs:
                yield ContractError(here, f"no service of this app is named {name}")
            elif _reaches(needs, name, service.service_name):
                yield ContractError(here, "depends on itself in the end")


def _needs(service: "Service") -> Iterator[tuple[str, str]]:
    for name in service.config.depends_on:
        yield f"dependsOn/{escape(name)}", name
    if service.config.network_service is not None:
        yield "networkMode", service.config.network_service


def _reaches(needs: Mapping[str, list[tuple[str, str]]], start: str, goal: str) -> bool:
    waiting, seen = [start], set[str]()
    while waiting:
        name = waiting.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            waiting.extend(needed for _, needed in needs.get(name, ()))
    return False
