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
            yield ContractError(f"{pointer}/serviceId", f"{service.service_id} is {first}'s too")


def _engine_names(apps: "Mapping[str, App]") -> Iterator[ContractError]:
    """Containers are named <appId>-<serviceName>: a-b + c and a + b-c would be one."""
    seen: dict[str, str] = {}
    for pointer, app, service in _placed(apps):
        name = f"{app.app_id}-{service.service_name}"
        first = seen.setdefault(name, pointer)
        if first != pointer:
            yield ContractError(f"{pointer}/serviceName", f"its container's name is {first}'s too")


def _ports(apps: "Mapping[str, App]") -> Iterator[ContractError]:
    seen: dict[tuple[int, str], list[tuple[str, Port]]] = {}
    for pointer, _, service in _placed(apps):
        for index, port in enumerate(service.config.ports):
            here = f"{pointer}/config/ports/{index}"
            others = seen.setdefault((port.host_port, port.protocol), [])
            first = next((where for where, other in others if port.meets(other)), None)
            if first is not None:
                yield ContractError(here, f"{port.to_wire()} is published by {first} too")
            others.append((here, port))


def _dependencies(pointer: str, services: "tuple[Service, ...]") -> Iterator[ContractError]:
    names = {service.service_name: index for index, service in enumerate(services)}
    for index, service in enumerate(services):
        for name in service.config.depends_on:
            here = f"{pointer}/services/{index}/config/dependsOn/{escape(name)}"
            if name not in names:
                yield ContractError(here, "no service of this app has that name")
            elif _reaches(services, names, name, service.service_name):
                yield ContractError(here, "depends on itself in the end")


def _reaches(
    services: "tuple[Service, ...]", names: Mapping[str, int], start: str, goal: str
) -> bool:
    waiting, seen = [start], set[str]()
    while waiting:
        name = waiting.pop()
        if name == goal:
            return True
        if name in seen or name not in names:
            continue
        seen.add(name)
        waiting.extend(services[names[name]].config.depends_on)
    return False
