"""What the local API shows, out of values; pure. No secret is among them.

Environment variables and secrets of services are shown by name alone: people put passwords into
both.
"""

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from iotistic_agent.configuration import Configuration
from iotistic_agent.explaining import Difference
from iotistic_agent.reporting import sections_of
from iotistic_agent.signals import Situation
from iotistic_contract.codec import format_time
from iotistic_contract.planning.containers import (
    Container,
    Step,
    WantedContainer,
    is_as_wanted,
    own_container,
    plan,
)
from iotistic_contract.planning.local_overrides import LocalActions, LocalOverride, Purge
from iotistic_contract.target_state import ServiceState

__all__ = [
    "apps",
    "asked",
    "configured",
    "found_of",
    "plan_view",
    "service",
    "services",
    "state",
    "step",
]

_REPORTED = ("status", "targetVersion", "appliedVersion", "failedVersion", "failure", "policyHash")
Json = dict[str, Any]


def state(situation: Situation | None) -> Json:
    """Return how far the device is with its target, in the report's words."""
    sections = {} if situation is None else sections_of(situation, {})
    shown = {name: sections.get(name) for name in _REPORTED}
    return {**shown, "engineFault": None if situation is None else situation.engine_fault}


def services(situation: Situation | None) -> list[Json]:
    """Return each service of the target, refused ones too, by app and name."""
    if situation is None or situation.target is None:
        return []
    reported: Any = sections_of(situation, {}).get("apps") or {}
    rows = []
    for wanted in situation.services:
        told = reported[wanted.app_id]["services"][wanted.service_id]
        facts = {"image": wanted.image, "wantedState": str(wanted.state)}
        as_wanted = is_as_wanted(situation.world, wanted)
        rows.append({**_names(situation, wanted), **facts, "asWanted": as_wanted, **told})
    for refusal in situation.target.refused:
        told = reported[refusal.app_id]["services"][refusal.service_id]
        rows.append({**_names(situation, refusal), "asWanted": False, **told})
    return sorted(rows, key=lambda row: (row["appId"], row["serviceName"], row["serviceId"]))


def service(situation: Situation, service_id: str, differs: list[Difference]) -> Json | None:
    """Return everything about one service, None when the target has none of that id."""
    row = next((each for each in services(situation) if each["serviceId"] == service_id), None)
    if row is None or situation.target is None:
        return None
    wanted = next((e for e in situation.services if e.service_id == service_id), None)
    return {
        **row,
        **({} if wanted is None else _details(wanted)),
        "container": _container(found_of(situation, service_id)),
        "differences": [_difference(each) for each in differs],
    }


def asked(service_id: str, own: ServiceState, held: LocalOverride | None) -> Json:
    """Return what becomes of one service after a person asked for something."""
    return {
        "serviceId": service_id,
        "wantedState": str(own if held is None else held.state),
        "override": None if held is None else _override(held),
    }


def found_of(situation: Situation, service_id: str) -> Container | None:
    """Return the container of a service, also of one that is refused by now."""
    of_service = next((each for each in situation.services if each.service_id == service_id), None)
    if of_service is not None:
        return own_container(situation.world, of_service)
    return next((e for e in situation.world.containers if e.service_id == service_id), None)


def apps(situation: Situation | None) -> list[Json]:
    """Return the target's apps, each with its services."""
    document = _document(situation)
    rows = services(situation)
    return [
        {
            "appId": app_id,
            "appName": str(app.get("appName", "")) if isinstance(app, Mapping) else "",
            "services": [row for row in rows if row["appId"] == app_id],
            "purge": _purge(situation, app_id),
        }
        for app_id, app in sorted(document.items())
    ]


def plan_view(situation: Situation, differs: Mapping[str, list[Difference]]) -> Json:
    """Return the steps to come, and for each service that isn't as wanted why and since when.

    ``differs`` are the differences by service id.
    """
    target = situation.target
    steps = () if target is None else plan(situation.world, target).steps
    return {
        "targetVersion": None if situation.choice is None else situation.choice.stored.version,
        "steps": [step(each) for each in steps],
        "services": [
            {
                **row,
                "differences": [_difference(each) for each in differs.get(row["serviceId"], ())],
            }
            for row in services(situation)
            if not row["asWanted"]
        ],
    }


def configured(
    now: Configuration,
    told: Mapping[str, Any],
    local: Collection[str],
    environment: Configuration,
    default: Configuration,
) -> Json:
    """Return each setting with the place that it comes from.

    ``told`` is the target's own ``config``, ``local`` the names of what was set at the device;
    ``environment`` and ``default`` are what would hold without both, and without all.
    """
    rows: Json = {}
    for each in fields(Configuration):
        value = getattr(now, each.name)
        source = "default"
        if _says(told, each.name):
            source = "target"
        elif _camel(each.name) in local:
            source = "local"
        elif value != getattr(environment, each.name):
            source = "target"
        elif value != getattr(default, each.name):
            source = "environment"
        rows[_camel(each.name)] = {"value": value, "source": source}
    return rows


def _says(told: Mapping[str, Any], name: str) -> bool:
    """Tell whether the target sets it to what would hold anyway."""
    settings = told.get("settings") or {}
    if name.startswith("log_"):
        return (told.get("logging") or {}).get(name.removeprefix("log_")) is not None
    if name.startswith("link_"):
        return told.get(_camel(name)) is not None
    return isinstance(settings, Mapping) and settings.get(_camel(name)) is not None


def _camel(name: str) -> str:
    first, *rest = name.removesuffix("_ms").split("_")
    camel = first + "".join(word.capitalize() for word in rest)
    return f"{camel}IntervalMs" if name.endswith("_ms") else camel


def _override(held: LocalOverride) -> Json:
    return {
        "state": str(held.state),
        "insteadOf": str(held.instead_of),
        "owner": held.owner,
        "reason": held.reason,
        "until": None if held.until is None else format_time(held.until),
    }


def _purge(situation: Situation | None, app_id: str) -> Json | None:
    """Return who empties the app's volumes, as long as that lasts, and what it fails at."""
    actions = situation.choice.actions if situation and situation.choice else LocalActions()
    found = next((each for each in actions.purges if each.app_id == app_id), None)
    if found is None or situation is None:
        return None
    failed = [r.message for (k, n), r in situation.retries.items() if (k, n) in _kept_by(found)]
    return {
        "owner": found.owner,
        "reason": found.reason,
        "volumes": sorted(found.volumes),
        "error": failed[0] if failed else None,
    }


def _kept_by(purge: Purge) -> set[tuple[str, str]]:
    return {("removal", name) for name in purge.volumes}


def _names(situation: Situation, thing: Any) -> Json:
    name = getattr(thing, "service_name", None)
    return {
        "appId": thing.app_id,
        "appName": _app_name(situation, thing.app_id),
        "serviceId": thing.service_id,
        "serviceName": name or _service_name(situation, thing.app_id, thing.service_id),
    }


def _document(situation: Situation | None) -> Mapping[str, Any]:
    stored = None if situation is None or situation.choice is None else situation.choice.stored
    found = None if stored is None else stored.document.get("apps")
    return found if isinstance(found, Mapping) else {}


def _app_name(situation: Situation, app_id: str) -> str:
    app = _document(situation).get(app_id)
    return str(app.get("appName", "")) if isinstance(app, Mapping) else ""


def _service_name(situation: Situation, app_id: str, service_id: str) -> str:
    """Return a refused service's name out of the document, which may have any shape."""
    app = _document(situation).get(app_id)
    listed = app.get("services") if isinstance(app, Mapping) else None
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, Mapping) and str(each.get("serviceId")) == service_id:
            return str(each.get("serviceName", ""))
    return ""


def _details(wanted: WantedContainer) -> Json:
    return {
        "name": wanted.name,
        "networks": list(wanted.networks),
        "volumes": list(wanted.volumes),
        "ports": sorted(wanted.ports),
        "dependsOn": {name: str(condition) for name, condition in wanted.depends_on.items()},
        "environment": sorted(pair.partition("=")[0] for pair in wanted.body.get("Env", ())),
        "secrets": sorted(wanted.secrets),
        "configHash": wanted.config_hash,
    }


def _container(found: Container | None) -> Json | None:
    if found is None:
        return None
    return {
        "id": found.id,
        "name": found.name,
        "state": str(found.state),
        "exitCode": found.exit_code,
        "imageId": found.image_id,
        "error": found.error,
    }


def _difference(each: Difference) -> Json:
    return {"field": each.field, "detail": each.detail}


def step(one: Step) -> Json:
    """Return a step as its action and what it is about."""
    name = type(one).__name__
    facts = {field.name: getattr(one, field.name) for field in fields(one)}
    renamed = {"serviceId" if key == "service_id" else key: fact for key, fact in facts.items()}
    return {"action": name[0].lower() + name[1:], **renamed}
