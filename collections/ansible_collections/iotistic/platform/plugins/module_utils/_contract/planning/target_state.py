"""What brings the specs of one device, or of many, to what is wanted: one bulk write."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..codec import check_fields, decode, encode
from ..errors import ContractError
from ..ids import Count, Uuid
from ..overrides import Override, overrides_from
from ..secret import MASK
from ..target_secrets import map_secrets, secrets_of
from ..target_state import Secret, Spec
from .plan import Plan

__all__ = [
    "ActualTarget",
    "TargetWrite",
    "WriteTargets",
    "actual_targets",
    "plan",
]

NEW_SECRET = f"{MASK} (new value)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualTarget:
    """A device's target as the API has it; ``spec`` None until one was written."""

    uuid: Uuid
    spec: Spec | None = None
    spec_revision: Count = 0
    version: Count = 0
    overrides: tuple[Override, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetWrite:
    """One device's new spec, written only over revision ``spec_revision``."""

    uuid: str
    spec_revision: int
    spec: Spec


@dataclass(frozen=True, slots=True)
class WriteTargets:
    """Write all ``targets`` or none; ``encode`` of it is the body of the bulk PUT."""

    targets: tuple[TargetWrite, ...]


@dataclass(frozen=True, slots=True)
class _Change:
    before: Mapping[str, object]
    after: Mapping[str, object]
    write: TargetWrite | None
    notes: tuple[str, ...] = field(default=())


def plan(actual: Mapping[str, ActualTarget], desired: Mapping[str, Spec]) -> Plan:
    """Return the plan for the devices of ``desired`` (by uuid): at most one step, for all of them.

    Before and after hold the devices that change, secrets masked; notes name every override. A
    device that isn't in ``actual`` raises ``ContractError``.
    """
    for uuid in desired:
        if uuid not in actual:
            raise ContractError("", f"no device {uuid} is known there").under(uuid)
    changes = [_change(actual[uuid], spec) for uuid, spec in desired.items()]
    writes = tuple(change.write for change in changes if change.write)
    return Plan(
        before={change.write.uuid: change.before for change in changes if change.write},
        after={change.write.uuid: change.after for change in changes if change.write},
        steps=(WriteTargets(writes),) if writes else (),
        notes=tuple(note for change in changes for note in change.notes),
    )


def actual_targets(items: Iterable[Mapping[str, Any]]) -> dict[str, ActualTarget]:
    """Return the API's views (``items`` of a query's answer) by uuid; equal specs are read once."""
    specs: dict[str, Spec] = {}
    views = (_view(item, specs) for item in items)
    return {view.uuid: view for view in views}


def _view(item: Mapping[str, Any], specs: dict[str, Spec]) -> ActualTarget:
    document = item.get("spec")
    spec = None
    if document is not None and document.get("apps") is not None:
        key = json.dumps(document, sort_keys=True)
        spec = specs.get(key) or specs.setdefault(key, decode(Spec, document, unknown="keep"))
    known = {key: item.get(key) for key in ("uuid", "specRevision", "version")}
    view = decode(ActualTarget, known, unknown="keep")
    return replace(view, spec=spec, overrides=overrides_from(item.get("overrides") or {}))


def _change(actual: ActualTarget, desired: Spec) -> _Change:
    services = {service.service_id for service in desired.services()}
    kept = tuple(one for one in actual.overrides if one.service_id in services)
    before = _shown(actual.spec, actual.spec, actual.overrides)
    after = _shown(desired, actual.spec, kept)
    notes = tuple(_note(actual, one, dropped=one not in kept) for one in actual.overrides)
    if actual.spec is not None and before == after:
        return _Change(before, before, None, notes)
    write = TargetWrite(uuid=actual.uuid, spec_revision=actual.spec_revision, spec=desired)
    return _Change(before, after, write, notes)


def _shown(
    spec: Spec | None, known: Spec | None, overrides: tuple[Override, ...]
) -> dict[str, object]:
    """Return the spec as a person may see it; a secret that isn't ``known``'s says so."""
    if spec is None:
        return {}
    secrets = (
        {(service, name): secret for service, name, secret in secrets_of(known)} if known else {}
    )

    def masked(service_id: str, name: str, secret: Secret) -> Secret:
        same = secret.same_as(secrets.get((service_id, name))) or spec is known
        return Secret(value=MASK if same else NEW_SECRET)

    document: dict[str, object] = encode(map_secrets(spec, masked))
    held = {one.service_id: f"{one.state.value} by {one.owner}" for one in overrides}
    return {**document, **({"overrides": held} if held else {})}


def _note(actual: ActualTarget, override: Override, *, dropped: bool) -> str:
    until = f" until {encode(override.expires_at)}" if override.expires_at else ""
    held = f"held {override.state.value} by {override.owner}{until} ({override.reason})"
    end = "; the override goes with the service" if dropped else ""
    return f"{actual.uuid}: service {override.service_id} is {held}{end}"
