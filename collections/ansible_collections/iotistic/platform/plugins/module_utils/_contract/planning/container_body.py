# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The engine's create request (Docker Engine API 1.41) for one service, without secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..target_state import App, Healthcheck, Resources, Service, ServiceConfig

__all__ = ["Device", "container_body", "default_network", "device_labels", "engine_name"]

_NANOSECONDS = 1_000_000
_SHARES_PER_CORE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Whose containers they are; ``address`` is the host address of ports that name none."""

    uuid: str
    site: str | None = None
    address: str | None = None


def engine_name(device: Device, app_id: str, name: str) -> str:
    """Return the engine's name for a thing of an app: ``iot-<uuid8>-<appId>-<name>``."""
    return f"iot-{device.uuid[:8]}-{app_id}-{name}"


def default_network(device: Device, app_id: str) -> str:
    """Return the network of an app's services that name none."""
    return engine_name(device, app_id, "default")


def device_labels(device: Device) -> dict[str, str]:
    """Return what marks everything that this device owns on an engine."""
    return {"iotistic.device": device.uuid} | (
        {"iotistic.site": device.site} if device.site else {}
    )


def container_body(app: App, service: Service, device: Device) -> dict[str, Any]:
    """Return the request with nothing in it that isn't said; equal for equal configurations."""
    config = service.config
    body: dict[str, Any] = {
        "Image": service.image_name,
        "Env": sorted(f"{name}={text}" for name, text in config.environment.items()),
        "Cmd": _list(config.command),
        "Entrypoint": _list(config.entrypoint),
        "User": config.user,
        "WorkingDir": config.working_dir,
        "Hostname": config.hostname,
        "Labels": _labels(app, service, device),
        "ExposedPorts": {_inside(port): {} for port in sorted(map(_port, config.ports))},
        "StopSignal": config.stop_signal,
        "StopTimeout": _seconds(config),
        "Healthcheck": _healthcheck(config.healthcheck),
        "HostConfig": _host_config(app, config, device),
    }
    return _said(body)


def _host_config(app: App, config: ServiceConfig, device: Device) -> dict[str, Any]:
    return _said(
        {
            "Mounts": _mounts(app, config, device),
            "PortBindings": _bindings(config, device),
            "NetworkMode": _network_mode(app, config, device),
            "RestartPolicy": _restart(config.restart),
            "Devices": [_device(text) for text in sorted(config.devices)],
            "CapAdd": sorted(config.cap_add),
            "CapDrop": sorted(config.cap_drop),
            "Privileged": config.privileged or None,
            "ReadonlyRootfs": config.read_only or None,
            "Tmpfs": dict(sorted(_tmpfs(text) for text in config.tmpfs)),
            "ExtraHosts": sorted(config.extra_hosts),
            "Dns": list(config.dns),
            "LogConfig": _log_config(config),
            **_resources(config.resources),
        }
    )


def _labels(app: App, service: Service, device: Device) -> dict[str, str]:
    return {
        **config_labels(service.config),
        **device_labels(device),
        "iotistic.app-id": app.app_id,
        "iotistic.service-id": service.service_id,
        "iotistic.service-name": service.service_name,
    }


def config_labels(config: ServiceConfig) -> dict[str, str]:
    """Return the labels that people gave."""
    return dict(sorted(config.labels.items()))


def _said(body: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what wasn't said: an empty list of the engine's overrides nothing."""
    return {key: value for key, value in body.items() if value not in (None, [], {})}


def _list(words: tuple[str, ...] | None) -> list[str] | None:
    return None if words is None else list(words)


def _port(port: Any) -> tuple[int, str, str, int]:
    return port.container_port, port.protocol, port.host_ip or "", port.host_port


def _inside(port: tuple[int, str, str, int]) -> str:
    return f"{port[0]}/{port[1]}"


def _bindings(config: ServiceConfig, device: Device) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in sorted(map(_port, config.ports)):
        where = {"HostIp": port[2] or device.address or "", "HostPort": str(port[3])}
        bindings.setdefault(_inside(port), []).append(where)
    return bindings


def _mounts(app: App, config: ServiceConfig, device: Device) -> list[dict[str, Any]]:
    return [
        {
            "Type": "bind" if volume.is_bind else "volume",
            "Source": volume.source
            if volume.is_bind
            else engine_name(device, app.app_id, volume.source),
            "Target": volume.target,
            "ReadOnly": volume.read_only,
        }
        for volume in sorted(config.volumes, key=lambda each: each.target)
    ]


def _network_mode(app: App, config: ServiceConfig, device: Device) -> str:
    mode = config.network_mode
    if mode is None:
        first = min(config.networks) if config.networks else "default"
        return engine_name(device, app.app_id, first)
    if mode.startswith("service:"):
        return f"container:{engine_name(device, app.app_id, mode.removeprefix('service:'))}"
    return mode


def _restart(text: str) -> dict[str, Any]:
    name, _, tries = text.partition(":")
    return {"Name": name, "MaximumRetryCount": int(tries or 0)}


def _device(text: str) -> dict[str, str]:
    outside, inside, permissions = ([*text.split(":"), "", ""])[:3]
    return {
        "PathOnHost": outside,
        "PathInContainer": inside or outside,
        "CgroupPermissions": permissions or "rwm",
    }


def _tmpfs(text: str) -> tuple[str, str]:
    path, _, options = text.partition(":")
    return path, options


def _log_config(config: ServiceConfig) -> dict[str, Any] | None:
    if config.logging is None:
        return None
    return {"Type": config.logging.driver, "Config": dict(sorted(config.logging.options.items()))}


def _seconds(config: ServiceConfig) -> int | None:
    period = config.stop_grace_period
    return None if period is None else -(-period.milliseconds // 1000)


def _healthcheck(check: Healthcheck | None) -> dict[str, Any] | None:
    if check is None:
        return None
    times = {
        "Interval": check.interval,
        "Timeout": check.timeout,
        "StartPeriod": check.start_period,
        "StartInterval": check.start_interval,
    }
    said = {name: time.milliseconds * _NANOSECONDS for name, time in times.items() if time}
    retries = {"Retries": check.retries} if check.retries is not None else {}
    return {"Test": list(check.test), **said, **retries}


def _resources(resources: Resources | None) -> dict[str, int]:
    if resources is None:
        return {}
    limits, requests = resources.limits, resources.requests
    quantities = {
        "NanoCpus": limits.cpu and limits.cpu.millicores * _NANOSECONDS,
        "Memory": limits.memory and limits.memory.octets,
        "CpuShares": requests.cpu and max(2, requests.cpu.millicores * _SHARES_PER_CORE // 1000),
        "MemoryReservation": requests.memory and requests.memory.octets,
    }
    return {name: number for name, number in quantities.items() if number}
