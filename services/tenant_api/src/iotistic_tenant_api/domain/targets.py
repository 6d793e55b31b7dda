"""One device's target state: how writes and overrides change it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from iotistic_contract.errors import ContractError
from iotistic_contract.overrides import (
    effective,
    encode_overrides,
    live,
    next_expiry,
    overrides_from,
    patched,
    restarted,
)
from iotistic_tenant_api.domain.documents import (
    EMPTY_SPEC,
    delivered,
    etag_of,
    spec_of,
    text_of,
)
from iotistic_tenant_api.domain.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from iotistic_contract.overrides import Override

__all__ = ["Target", "check_revision", "expire", "override", "restart", "write"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A target state as it is stored; `spec` None and version 0 before the first write.

    `secrets` are encrypted for storage, by service id and name; `sealing_thumbprint` is that of
    the newest registration's sealing key.
    """

    uuid: str
    version: int = 0
    spec_revision: int = 0
    spec: Mapping[str, Any] | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    next_expiry: datetime | None = None
    changed_at: datetime
    sealing_thumbprint: str | None = None

    @property
    def delivered(self) -> Mapping[str, Any] | None:
        """What the device gets: spec and overrides as of the last change."""
        if self.spec is None:
            return None
        return delivered(self.spec, self.overrides, self.changed_at)

    @property
    def etag(self) -> str:
        """The ETag that the newest registration gets."""
        return etag_of(self.version, self.delivered, self.sealing_thumbprint)


def check_revision(target: Target, revision: int, pointer: str | None = None) -> None:
    """Refuse a write that is based on another revision than the one in force."""
    if target.spec_revision != revision:
        raise Refused(
            412,
            "precondition_failed",
            f"the target state of {target.uuid} is at revision {target.spec_revision},"
            f" not {revision}; look at what is in force now",
            pointer=pointer,
            uuid=target.uuid,
            specRevision=target.spec_revision,
        )


def write(
    target: Target,
    spec: Mapping[str, Any],
    secrets: Mapping[str, Mapping[str, str]],
    now: datetime,
) -> Target:
    """Return the target with `spec` (normalized) in force; the same one when nothing changes.

    Overrides of services that the spec drops go with them.
    """
    if target.spec is not None and text_of(target.spec) == text_of(spec):
        return target
    kept = live(overrides_from(target.overrides), spec_of(spec), now) if target.overrides else ()
    written = replace(target, spec=spec, secrets=secrets, spec_revision=target.spec_revision + 1)
    return _changed(target, written, kept, now)


def override(target: Target, patch: Mapping[str, Any], now: datetime) -> Target:
    """Return the target with overrides set (or, where null, dropped) by service id."""
    spec = spec_of(target.spec or EMPTY_SPEC)
    services = {service.service_id for service in spec.services()}
    for service_id, wish in patch.items():
        if service_id not in services and wish is not None:
            raise ContractError("", "the spec has no service of this id").under(service_id)
    overrides = live(patched(overrides_from(target.overrides), patch), spec, now)
    if encode_overrides(overrides) == dict(target.overrides):
        return target
    return _changed(target, target, overrides, now)


def restart(target: Target, service_id: str, *, owner: str, reason: str, now: datetime) -> Target:
    """Return the target with a new container for a service; 409 when it isn't to run at all."""
    delivered = effective(spec_of(target.spec or EMPTY_SPEC), overrides_from(target.overrides), now)
    states = {service.service_id: service.state.value for service in delivered.services()}
    if states.get(service_id) != "running":
        detail = f"service {service_id} is to be {states.get(service_id)}: start it instead"
        raise Refused(409, "conflict", detail)
    overrides = restarted(overrides_from(target.overrides), service_id, owner, reason, now)
    return _changed(target, target, overrides, now)


def expire(target: Target, now: datetime) -> Target:
    """Return the target without the overrides that have ended at `now`."""
    return override(target, {}, now)


def _changed(before: Target, after: Target, overrides: Iterable[Override], now: datetime) -> Target:
    """Set overrides and times; the version rises when what the device gets changes."""
    kept = tuple(overrides)
    changed = replace(
        after,
        overrides=encode_overrides(kept),
        next_expiry=next_expiry(kept, now),
        changed_at=now,
    )
    was, now_is = before.delivered, changed.delivered
    if was is not None and now_is is not None and text_of(was) == text_of(now_is):
        return changed
    return replace(changed, version=before.version + 1)
