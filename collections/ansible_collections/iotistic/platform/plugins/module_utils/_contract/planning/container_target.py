"""From a device's target document to the containers that it must have."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..codec import canonical, decode
from ..conflicts import conflicts
from ..errors import ContractError
from ..target_state import App, PullPolicy, Service
from .container_body import Device, container_body, default_network, engine_name
from .container_world import Refusal, Target, WantedContainer
from .policy import Policy, objections

__all__ = ["CONFIG_HASH", "Device", "check_shape", "target_from"]

CONFIG_HASH = "iotistic.config-hash"


@dataclass(frozen=True, slots=True)
class _Placed:
    app: App
    service: Service


def check_shape(document: Mapping[str, object]) -> None:
    """Raise ``ContractError`` when the target is of another shape and can't be applied at all."""
    apps = document.get("apps")
    if apps is None:
        if document.get("version") != 0:
            raise ContractError("/apps", "may be absent only with version 0")
        return
    if not isinstance(apps, Mapping):
        raise ContractError("/apps", "expected an object")
    for app_id, app in apps.items():
        if not isinstance(app, Mapping) or not isinstance(app.get("services", []), list):
            raise ContractError("", "expected an app with a list of services").under("apps", app_id)
        if str(app.get("appId")) != app_id:
            raise ContractError("", f"differs from its key {app_id}").under("apps", app_id, "appId")


def target_from(document: Mapping[str, object], device: Device, policy: Policy) -> Target:
    """Return what ``document`` (a target state in JSON, its shape checked) means on ``device``.

    A service with an unknown value, a wrong type, or something that ``policy`` denies is refused;
    the rest applies.
    """
    apps = document["apps"]
    assert isinstance(apps, Mapping)  # noqa: S101 -- check_shape has said so
    wanted: list[WantedContainer] = []
    refused: list[Refusal] = []
    accepted: dict[str, App] = {}
    for app_id, app in apps.items():
        for placed in _services(app_id, app):
            outcome = _outcome(placed, accepted, device, policy)
            if isinstance(outcome, Refusal):
                refused.append(outcome)
                continue
            wanted.append(outcome)
            assert isinstance(placed, _Placed)  # noqa: S101 -- else it was refused
            _accept(accepted, placed)
    return Target(containers=tuple(wanted), refused=tuple(refused))


def _services(app_id: str, app: Mapping[str, object]) -> Iterator[_Placed | Refusal]:
    services = app.get("services") or []
    assert isinstance(services, list)  # noqa: S101 -- check_shape has said so
    for index, written in enumerate(services):
        try:
            frame = decode(App, {**app, "services": []}, unknown="keep")
            yield _Placed(frame, decode(Service, written, unknown="keep"))
        except ContractError as exc:
            known = isinstance(written, Mapping) and written.get("serviceId")
            yield Refusal(
                app_id=app_id,
                service_id=str(known or index),
                type="unsupported",
                message=str(exc),
            )


def _outcome(
    placed: _Placed | Refusal, accepted: Mapping[str, App], device: Device, policy: Policy
) -> WantedContainer | Refusal:
    if isinstance(placed, Refusal):
        return placed
    app_id, service = placed.app.app_id, placed.service
    denied = list(objections(service.config, policy))
    if denied:
        message = f"the device's policy denies {', '.join(denied)}"
        return Refusal(app_id=app_id, service_id=service.service_id, type="policy", message=message)
    together = _with(accepted, placed)
    conflict = next((each for each in conflicts(together) if "dependsOn" not in str(each)), None)
    if conflict is not None:
        return Refusal(
            app_id=app_id, service_id=service.service_id, type="invalid", message=conflict.detail
        )
    return _wanted(placed.app, service, device)


def _wanted(app: App, service: Service, device: Device) -> WantedContainer:
    config = service.config
    body = container_body(app, service, device)
    secrets = {name: secret.hmac or "" for name, secret in sorted(config.secrets.items())}
    networks = _networks(app, service, device)
    hashed = canonical({"body": body, "secrets": secrets, "networks": networks})
    return WantedContainer(
        app_id=app.app_id,
        service_id=service.service_id,
        service_name=service.service_name,
        name=engine_name(device, app.app_id, service.service_name),
        image=service.image_name,
        state=service.state,
        config_hash=hashlib.sha256(hashed).hexdigest(),
        always_pull=service.pull_policy is PullPolicy.ALWAYS,
        runs_once=config.restart == "no" or config.restart.startswith("on-failure"),
        networks=tuple(networks),
        volumes=tuple(
            engine_name(device, app.app_id, volume.source)
            for volume in config.volumes
            if not volume.is_bind
        ),
        ports=frozenset(
            f"{port.host_ip or device.address or ''}:{port.host_port}/{port.protocol}"
            for port in config.ports
        ),
        depends_on=config.depends_on,
        body=body,
        secrets=config.secrets,
    )


def _networks(app: App, service: Service, device: Device) -> list[str]:
    config = service.config
    if config.network_mode is not None:
        return []
    if not config.networks:
        return [default_network(device, app.app_id)]
    return sorted(engine_name(device, app.app_id, name) for name in config.networks)


def _with(accepted: Mapping[str, App], placed: _Placed) -> dict[str, App]:
    copied = dict(accepted)
    _accept(copied, placed)
    return copied


def _accept(accepted: dict[str, App], placed: _Placed) -> None:
    before = accepted.get(placed.app.app_id)
    services = (*(before.services if before else ()), placed.service)
    accepted[placed.app.app_id] = App(
        app_id=placed.app.app_id, app_name=placed.app.app_name, services=services
    )
