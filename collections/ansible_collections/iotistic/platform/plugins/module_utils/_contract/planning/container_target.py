# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""From a device's target to the containers that it must have."""

import hashlib
from collections.abc import Mapping
from typing import Any

from ..codec import canonical
from ..device_target import DeviceTarget
from ..service_config import RESTARTED_AT
from ..target_state import App, DependsOn, Port, PullPolicy, Service, ServiceConfig
from .container_body import Device, container_body, default_network, engine_name
from .container_world import Probes, Refusal, Target, WantedContainer
from .host_paths import HostPaths
from .policy import Policy, objections

__all__ = ["CONFIG_HASH", "Device", "HostPaths", "target_from"]

CONFIG_HASH = "iotistic.config-hash"


def target_from(reading: DeviceTarget, device: Device, policy: Policy, host: HostPaths) -> Target:
    """Return what the target means on ``device``, whose agent lives at ``host``'s paths.

    A service that couldn't be read, or asks for what ``policy`` denies, is refused; the rest
    applies. The target has apps: version 0 without any is not for here.
    """
    wanted: list[WantedContainer] = []
    refused = [
        Refusal(
            app_id=each.app_id,
            service_id=each.service_id,
            type="unsupported",
            message=f"{each.pointer}: {each.detail}",
        )
        for each in reading.refused
    ]
    for app in (reading.target.apps or {}).values():
        for service in app.services:
            denied = ", ".join(objections(service.config, policy, host))
            if denied:
                refused.append(_denial(app, service, denied))
            else:
                wanted.append(_wanted(app, service, device))
    return Target(containers=tuple(wanted), refused=tuple(refused))


def _denial(app: App, service: Service, denied: str) -> Refusal:
    return Refusal(
        app_id=app.app_id,
        service_id=service.service_id,
        type="policy",
        message=f"the device's policy denies {denied}",
    )


def _wanted(app: App, service: Service, device: Device) -> WantedContainer:
    config = service.config
    body = container_body(app, service, device)
    networks = _networks(app, service, device)
    return WantedContainer(
        app_id=app.app_id,
        service_id=service.service_id,
        service_name=service.service_name,
        name=engine_name(device, app.app_id, service.service_name),
        image=service.image_name,
        state=service.state,
        config_hash=_hash(body, networks, service),
        release_hash=_hash(_without_restart(body), networks, service),
        update_strategy=service.update_strategy,
        always_pull=service.pull_policy is PullPolicy.ALWAYS,
        runs_once=config.restart == "no" or config.restart.startswith("on-failure"),
        networks=networks,
        volumes=tuple(
            engine_name(device, app.app_id, volume.source)
            for volume in config.volumes
            if not volume.is_bind
        ),
        ports=frozenset(_published(port, device) for port in config.ports),
        depends_on=_dependencies(config),
        probes=Probes(
            startup=config.startup_probe,
            liveness=config.liveness_probe,
            readiness=config.readiness_probe,
        ),
        network_service=config.network_service,
        body=body,
        secrets=config.secrets,
    )


def _hash(body: object, networks: tuple[str, ...], service: Service) -> str:
    """Of a secret only the HMAC enters: a sealed value differs each time it is sent."""
    secrets = {name: secret.hmac or "" for name, secret in service.config.secrets.items()}
    content = canonical({"body": body, "networks": networks, "secrets": secrets})
    return hashlib.sha256(content).hexdigest()


def _without_restart(body: Mapping[str, Any]) -> dict[str, Any]:
    labels = {name: text for name, text in body["Labels"].items() if name != RESTARTED_AT}
    return {**body, "Labels": labels}


def _networks(app: App, service: Service, device: Device) -> tuple[str, ...]:
    config = service.config
    if config.network_mode is not None:
        return ()
    if not config.networks:
        return (default_network(device, app.app_id),)
    return tuple(sorted(engine_name(device, app.app_id, name) for name in config.networks))


def _dependencies(config: ServiceConfig) -> dict[str, DependsOn]:
    """Return what it waits for; whose network is to be shared must run."""
    shared = config.network_service
    implied = {} if shared is None else {shared: DependsOn.STARTED}
    return {**implied, **config.depends_on}


def _published(port: Port, device: Device) -> str:
    return f"{port.host_ip or device.address or ''}:{port.host_port}/{port.protocol}"
