"""`status`: what runs, where, and whether it is well."""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx

from .api import Api, ApiError, billing_of, tenant_api
from .parts import parts_of
from .processes import supervisors
from .state import DeviceState, ServiceState, State
from .supervisor import SilentError, Supervisor

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping, Sequence

    from .parts import Device, Parts, Tenant
    from .site import Site
    from .supervisor import Program

__all__ = ["health_of", "is_ready", "look", "status"]

PATIENCE = 10.0
Probe = tuple[str, str, str, str]  # name, program, address for people, path that tells health


def status(site: Site, arguments: Sequence[str]) -> int:
    """Print how the site is; return 0 only when all is well."""
    parser = argparse.ArgumentParser(prog="./run demo status", description=status.__doc__)
    parser.add_argument("--json", action="store_true", help="as one JSON document")
    chosen = parser.parse_args(arguments)
    site.require()
    found = look(site)
    print(json.dumps(found.document(), indent=2) if chosen.json else "\n".join(found.lines()))
    return 1 if found.troubles else 0


def look(site: Site) -> State:
    """Return how a site is now."""
    parts = parts_of(site)
    try:
        programs = Supervisor(site.supervisor_socket).programs()
    except SilentError:
        silent = tuple(process.pid for process in supervisors(site.id))
        whole = parts.billing is not None
        return State(site.id, str(site.state), running=False, whole=whole, silent=silent)
    owned = sorted(
        ((parts.owner(program.name), program) for program in programs),
        key=lambda one: (_rank(parts, one[0]), one[1].name),
    )
    return State(
        id=site.id,
        folder=str(site.state),
        running=True,
        whole=parts.billing is not None,
        programs=tuple(owned),
        services=health_of(site, parts, programs),
        devices=_devices(site, parts),
    )


def health_of(site: Site, parts: Parts, programs: Sequence[Program]) -> tuple[ServiceState, ...]:
    """Ask each server of the site whether it is ready, side by side."""
    tls, names = site.tls(), {program.name for program in programs}
    probes = [probe for probe in _probes(parts) if probe[1] in names]
    with ThreadPoolExecutor(8) as pool:
        return tuple(pool.map(lambda probe: _service(probe, tls), probes))


def is_ready(url: str, tls: ssl.SSLContext) -> str | None:
    """Return why a server isn't ready, or None when it is."""
    try:
        answer = httpx.get(url, verify=tls, timeout=PATIENCE, trust_env=False)
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return None if answer.status_code == 200 else f"{answer.status_code} from {url}"


def _probes(parts: Parts) -> Iterator[Probe]:
    if parts.billing:
        yield "billing", "billing", parts.billing, "/health/ready"
    if parts.registry:
        yield "registry", "registry", parts.registry, "/v2/"
    for tenant in parts.tenants:
        name, short_id = tenant.name, tenant.short_id
        yield f"{name}'s API", f"{short_id}-api", tenant.url, "/health/ready"
        yield f"{name}'s dashboard", f"{short_id}-dashboard", tenant.dashboard, "/health/ready"


def _service(probe: Probe, tls: ssl.SSLContext) -> ServiceState:
    name, program, address, path = probe
    return ServiceState(name, program, address, is_ready(f"{address}{path}", tls))


def _devices(site: Site, parts: Parts) -> tuple[DeviceState, ...]:
    if parts.billing is None:
        return ()
    billing = billing_of(site, parts.billing)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda one: _of_tenant(site, billing, parts, one), parts.tenants)
        by_name = {device.name: device for devices in found for device in devices}
    return tuple(by_name[device.name] for device in parts.devices if device.name in by_name)


def _of_tenant(site: Site, billing: Api, parts: Parts, tenant: Tenant) -> list[DeviceState]:
    devices = parts.devices_of(tenant)
    try:
        api = tenant_api(site, billing, tenant, "read")
    except ApiError as error:
        return [_unknown(device, f"nothing is known: {error}") for device in devices]
    return [_device(api, device) for device in devices]


def _device(api: Api, device: Device) -> DeviceState:
    path = f"/api/v1/devices/{device.uuid}"
    try:
        current = api.get(f"{path}/current-state")
        target = api.get(f"{path}/target-state")
    except ApiError as error:
        return _unknown(device, str(error))
    report, spec = current["report"] or {}, target["spec"] or {}
    applied = report.get("appliedVersion")
    return DeviceState(
        name=device.name,
        tenant=device.tenant,
        address=device.address,
        online=current["online"],
        applied=applied,
        wanted=target["version"],
        services=_services(report, spec),
        trouble=_trouble(report, online=current["online"], wanted=target["version"]),
    )


def _trouble(report: Mapping[str, Any], *, online: bool, wanted: int) -> str | None:
    if not online:
        return "is offline"
    if report.get("status") not in {"applied", "applying"}:
        failure = (report.get("failure") or {}).get("message") or "no reason given"
        return f"its report says {report.get('status')}: {failure}"
    if report.get("appliedVersion") != wanted:
        return f"has version {report.get('appliedVersion')} and is to have {wanted}"
    return None


def _services(report: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, str]:
    reported = {
        (app, service): facts["state"]
        for app, parts in (report.get("apps") or {}).items()
        for service, facts in parts["services"].items()
    }
    return {
        service["serviceName"]: reported.get((app_id, service["serviceId"]), "unknown")
        for app_id, app in (spec.get("apps") or {}).items()
        for service in app["services"]
    }


def _unknown(device: Device, trouble: str) -> DeviceState:
    return DeviceState(
        name=device.name, tenant=device.tenant, address=device.address, online=False,
        applied=None, wanted=None, services={}, trouble=trouble,
    )  # fmt: skip


def _rank(parts: Parts, owner: str) -> int:
    order = ["platform", *(f"tenant {tenant.name}" for tenant in parts.tenants)]
    order += [f"device {device.name}" for device in parts.devices]
    return order.index(owner) if owner in order else len(order)
