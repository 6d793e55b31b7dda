# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""What brings the specs of one device, or of many, to what is wanted: one bulk write."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..codec import Unknown, check_fields, decode, encode
from ..errors import ContractError
from ..ids import Count, Uuid
from ..overrides import Override, overrides_from
from ..secret import MASK, NEW_SECRET
from ..target_secrets import map_secrets, secrets_of
from ..target_state import Secret, Spec
from .plan import Plan

__all__ = [
    "ActualTarget",
    "TargetWrite",
    "WriteTargets",
    "actual_targets",
    "plan",
    "spec_reader",
]


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

    def to_wire(self) -> dict[str, object]:
        """Return ``{targets: [{uuid, specRevision, spec}]}``; a spec of many is encoded once."""
        specs = {id(write.spec): write.spec for write in self.targets}
        encoded = {key: encode(spec) for key, spec in specs.items()}
        return {
            "targets": [
                {
                    "uuid": write.uuid,
                    "specRevision": write.spec_revision,
                    "spec": encoded[id(write.spec)],
                }
                for write in self.targets
            ]
        }


@dataclass(frozen=True, slots=True)
class _Change:
    """What one or more devices alike are to change."""

    before: Mapping[str, object]
    after: Mapping[str, object]
    uuids: list[str] = field(default_factory=list)


def plan(actual: Mapping[str, ActualTarget], desired: Mapping[str, Spec]) -> Plan:
    """Return the plan for the devices of ``desired`` (by uuid): at most one step, for all of them.

    Before and after hold the devices that change (those that change alike under one name that
    lists them), secrets masked; notes name every override. A device that isn't in ``actual``
    raises ``ContractError``.
    """
    changes: dict[object, _Change] = {}
    writes: list[TargetWrite] = []
    for uuid, spec in desired.items():
        if uuid not in actual:
            raise ContractError("", f"no device {uuid} is known there").under(uuid)
        change = _change(changes, actual[uuid], spec)
        if actual[uuid].spec is None or change.before != change.after:
            change.uuids.append(uuid)
            revision = actual[uuid].spec_revision
            writes.append(TargetWrite(uuid=uuid, spec_revision=revision, spec=spec))
    return Plan(
        before={", ".join(one.uuids): one.before for one in changes.values() if one.uuids},
        after={", ".join(one.uuids): one.after for one in changes.values() if one.uuids},
        steps=(WriteTargets(tuple(writes)),) if writes else (),
        notes=tuple(
            _note(uuid, override, dropped=override.service_id not in _service_ids(spec))
            for uuid, spec in desired.items()
            for override in actual[uuid].overrides
            if override.state is not None
        ),
    )


def actual_targets(items: Iterable[Mapping[str, Any]]) -> dict[str, ActualTarget]:
    """Return the API's views (``items`` of a query's answer) by uuid."""
    read = spec_reader("keep")
    targets = (_actual_target(item, read) for item in items)
    return {target.uuid: target for target in targets}


def spec_reader(unknown: Unknown = "refuse") -> Callable[[Mapping[str, Any]], Spec]:
    """Return a function that decodes specs and gives equal documents the same ``Spec``.

    Thousands of devices with one spec then cost one decoding, comparison and encoding.
    """
    specs: dict[str, Spec] = {}

    def read(document: Mapping[str, Any]) -> Spec:
        key = repr(document)
        if key not in specs:
            specs[key] = decode(Spec, document, unknown)
        return specs[key]

    return read


def _actual_target(
    item: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Spec]
) -> ActualTarget:
    document = item.get("spec") or {}
    written = document.get("apps") is not None
    head = {key: item.get(key) for key in ("uuid", "specRevision", "version")}
    return replace(
        decode(ActualTarget, head, "keep"),
        spec=read(document) if written else None,
        overrides=overrides_from(item.get("overrides") or {}, "keep"),
    )


def _change(changes: dict[object, _Change], actual: ActualTarget, desired: Spec) -> _Change:
    key = (id(actual.spec), id(desired), actual.overrides)
    if key not in changes:
        services = _service_ids(desired) if actual.overrides else frozenset()
        kept = tuple(one for one in actual.overrides if one.service_id in services)
        before = _shown(actual.spec, actual.spec, actual.overrides)
        same = actual.spec == desired and kept == actual.overrides
        changes[key] = _Change(before, before if same else _shown(desired, actual.spec, kept))
    return changes[key]


def _service_ids(spec: Spec) -> frozenset[str]:
    return frozenset(service.service_id for service in spec.services())


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
    held = {one.service_id: f"{one.state.value} by {one.owner}" for one in overrides if one.state}
    return {**document, **({"overrides": held} if held else {})}


def _note(uuid: str, override: Override, *, dropped: bool) -> str:
    until = f" until {encode(override.expires_at)}" if override.expires_at else ""
    state = "" if override.state is None else override.state.value
    held = f"held {state} by {override.owner}{until} ({override.reason})"
    end = "; the override goes with the service" if dropped else ""
    return f"{uuid}: service {override.service_id} is {held}{end}"
