# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""How a device reads its target: tolerant, one service at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from .codec import camel, decode
from .conflicts import conflicts
from .device_config import DeviceConfig
from .errors import ContractError
from .target_state import App, Service, TargetState

__all__ = ["DeviceTarget", "Refusal", "read_target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A service that this device can't read: reported as ``refused`` with type ``unsupported``.

    ``pointer`` leads from the service to what is wrong.
    """

    app_id: str
    service_id: str
    pointer: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTarget:
    """What can be applied, what is refused, and which parts of ``config`` were not understood."""

    target: TargetState
    refused: tuple[Refusal, ...] = ()
    ignored: tuple[str, ...] = ()


def read_target(document: object) -> DeviceTarget:
    """Return the target out of the JSON ``document`` of the cloud.

    Unknown keys are kept in ``extra``. A service with an unknown value or a wrong type is refused
    and the rest applies; a document of another shape raises ``ContractError`` (``failed``).
    """
    head = _head(document)
    apps, refused = _apps(head.pop("apps"))
    while conflict := next(conflicts(apps), None):
        apps, refusal = _without(apps, conflict)
        refused.append(refusal)
    config, ignored = _config(head.pop("config", None))
    target = decode(TargetState, {**head, "apps": {}}, unknown="keep")
    present = isinstance(document, Mapping) and document.get("apps") is not None
    if not present and target.version != 0:
        raise ContractError("/apps", "may be absent only with version 0")
    target = replace(target, apps=apps if present else None, config=config)
    return DeviceTarget(target=target, refused=tuple(refused), ignored=tuple(ignored))


def _head(document: object) -> dict[str, object]:
    if not isinstance(document, Mapping):
        raise ContractError("", "expected an object")
    schema = document.get("schema", 1)
    if type(schema) is not int or schema < 1:
        raise ContractError("/schema", "not a whole number from 1")
    return {**document, "schema": 1, "apps": document.get("apps")}


def _apps(document: object) -> tuple[dict[str, App], list[Refusal]]:
    if not isinstance(document, Mapping | None):
        raise ContractError("/apps", "expected an object")
    apps: dict[str, App] = {}
    refused: list[Refusal] = []
    for key, body in (document or {}).items():
        services = _services(key, body)
        try:
            head = decode(App, {**body, "services": []}, unknown="keep")
        except ContractError as exc:
            raise exc.under("apps", key) from None
        if head.app_id != key:
            raise ContractError("/appId", "differs from its key").under("apps", key)
        apps[key] = replace(
            head, services=tuple(one for one in services if isinstance(one, Service))
        )
        refused += [one for one in services if isinstance(one, Refusal)]
    _check_ids(apps, refused)
    return apps, refused


def _services(app_id: str, body: object) -> list[Service | Refusal]:
    listed = body.get("services") if isinstance(body, Mapping) else 0
    if not isinstance(listed, list | None):
        raise ContractError("", "expected an app with a list of services").under("apps", app_id)
    return [_service(app_id, index, one) for index, one in enumerate(listed or [])]


def _service(app_id: str, index: int, body: object) -> Service | Refusal:
    try:
        return decode(Service, body, unknown="keep")
    except ContractError as exc:
        error = exc.under("apps", app_id, "services", index)
    service_id = body.get("serviceId") if isinstance(body, Mapping) else None
    if type(service_id) is int:
        service_id = str(service_id)
    if not isinstance(service_id, str) or not service_id:
        raise error
    return _refusal(app_id, service_id, error)


def _check_ids(apps: Mapping[str, App], refused: list[Refusal]) -> None:
    ids = [one.service_id for one in refused]
    ids += [service.service_id for app in apps.values() for service in app.services]
    for service_id in ids:
        if ids.count(service_id) > 1:
            raise ContractError("/apps", f"the service id {service_id} stands twice")


def _without(apps: dict[str, App], conflict: ContractError) -> tuple[dict[str, App], Refusal]:
    """Take out the service that ``conflict`` points to."""
    _, _, key, _, index, *_ = conflict.pointer.split("/")
    key = key.replace("~1", "/").replace("~0", "~")
    services = apps[key].services
    gone = services[int(index)]
    kept = tuple(service for service in services if service is not gone)
    rest = {**apps, key: replace(apps[key], services=kept)}
    return rest, _refusal(key, gone.service_id, conflict)


def _refusal(app_id: str, service_id: str, error: ContractError) -> Refusal:
    """Return the refusal for an error that points to ``/apps/<id>/services/<index>/…``."""
    within = "".join(f"/{part}" for part in error.pointer.split("/")[5:])
    return Refusal(app_id=app_id, service_id=service_id, pointer=within, detail=error.detail)


def _config(document: object) -> tuple[DeviceConfig | None, list[str]]:
    """Read the sections of ``config`` that can be read, and name the others."""
    if document is None:
        return None, []
    if not isinstance(document, Mapping):
        raise ContractError("/config", "expected an object")
    sections = dict(document)
    ignored: list[str] = []
    for name in (camel(field.name) for field in fields(DeviceConfig)):
        try:
            decode(DeviceConfig, {name: sections.get(name)}, unknown="keep")
        except ContractError as exc:
            ignored.append(exc.under("config").pointer)
            del sections[name]
    return decode(DeviceConfig, sections, unknown="keep"), ignored
