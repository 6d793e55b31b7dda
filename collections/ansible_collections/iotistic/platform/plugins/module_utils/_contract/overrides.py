# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""A person's start, stop, pause or restart of a service, beside the spec."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from .codec import Unknown, check_fields, decode, encode, format_time
from .errors import ContractError
from .ids import ServiceId
from .service_config import RESTARTED_AT
from .target_state import Delivered, Service, ServiceState, Spec

__all__ = [
    "Override",
    "effective",
    "encode_overrides",
    "live",
    "next_expiry",
    "overrides_from",
    "patched",
    "restarted",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What ``owner`` wants of one service, until ``expires_at`` or for good (None).

    ``state`` None holds nothing: it only remembers ``restarted_at``, when the service's container
    was last to be made anew. That outlives the hold and its end, which would else restart it again.
    """

    service_id: ServiceId
    state: ServiceState | None = None
    owner: str
    reason: str
    expires_at: datetime | None = None
    restarted_at: datetime | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if self.state is None and self.restarted_at is None:
            raise ContractError("/state", "missing")
        if self.state is None and self.expires_at is not None:
            raise ContractError("/expiresAt", "nothing is held that could end")
        for name in ("owner", "reason"):
            text = getattr(self, name)
            if not text.strip() or len(text) > 256 or not text.isprintable():
                raise ContractError(f"/{name}", "not 1 to 256 printable characters")

    def let_go(self) -> "Override | None":
        """Return what is left when the state is held no more; None when that is nothing."""
        return replace(self, state=None, expires_at=None) if self.restarted_at else None


def overrides_from(document: object, unknown: Unknown = "refuse") -> tuple[Override, ...]:
    """Return the overrides of ``{serviceId: {state, owner, reason, expiresAt?, restartedAt?}}``."""
    return patched((), document, unknown)


def patched(
    overrides: Iterable[Override], document: object, unknown: Unknown = "refuse"
) -> tuple[Override, ...]:
    """Return ``overrides`` with those of ``document`` set, and those that it gives as null let go.

    The time of a restart stays as it is where ``document`` says none.
    """
    if not isinstance(document, Mapping):
        raise ContractError("", "expected an object of overrides by service id")
    kept = {override.service_id: override for override in overrides}
    for key, body in document.items():
        held = kept.pop(key, None)
        after = _after(held, None if body is None else _override(key, body, unknown))
        if after is not None:
            kept[key] = after
    return tuple(kept[key] for key in sorted(kept))


def restarted(
    overrides: Iterable[Override], service_id: str, owner: str, reason: str, at: datetime
) -> tuple[Override, ...]:
    """Return ``overrides`` with the restart of one service at ``at``; what holds it goes on."""
    kept = {override.service_id: override for override in overrides}
    held = kept.get(service_id)
    if held is None or held.state is None:
        held = Override(service_id=service_id, owner=owner, reason=reason, restarted_at=at)
    kept[service_id] = replace(held, restarted_at=at)
    return tuple(kept[key] for key in sorted(kept))


def encode_overrides(overrides: Iterable[Override]) -> dict[str, object]:
    """Return ``overrides`` by service id, as ``overrides_from`` reads them."""
    bodies = {override.service_id: encode(override) for override in overrides}
    return {key: _without_id(bodies[key]) for key in sorted(bodies)}


def live(overrides: Iterable[Override], spec: Spec, now: datetime) -> tuple[Override, ...]:
    """Return what holds at ``now``: of services in ``spec``, and not expired (or let go)."""
    services = {service.service_id for service in spec.services()}
    found = (one for one in overrides if one.service_id in services)
    kept = (
        one if one.expires_at is None or one.expires_at > now else one.let_go() for one in found
    )
    return tuple(one for one in kept if one is not None)


def next_expiry(overrides: Iterable[Override], now: datetime) -> datetime | None:
    """Return when the next override ends after ``now``; None when none does."""
    times = [one.expires_at for one in overrides if one.expires_at and one.expires_at > now]
    return min(times, default=None)


def effective(spec: Spec, overrides: Iterable[Override], now: datetime) -> Delivered:
    """Return what a device gets of ``spec`` with the overrides that are live at ``now``.

    States are set, and the time of a restart is the label ``iotistic.restarted-at``.
    """
    held = {override.service_id: override for override in live(overrides, spec, now)}
    if not held:
        return spec
    apps = {
        key: replace(
            app,
            services=tuple(
                _overridden(service, held.get(service.service_id)) for service in app.services
            ),
        )
        for key, app in spec.apps.items()
    }
    return Delivered(apps=apps, config=spec.config)


def _overridden(service: Service, override: Override | None) -> Service:
    if override is None:
        return service
    service = replace(service, state=override.state or service.state)
    if override.restarted_at is None:
        return service
    labels = {**service.config.labels, RESTARTED_AT: format_time(override.restarted_at)}
    return replace(service, config=replace(service.config, labels=labels))


def _after(held: Override | None, wanted: Override | None) -> Override | None:
    if wanted is None:
        return None if held is None else held.let_go()
    if wanted.restarted_at is None and held is not None:
        return replace(wanted, restarted_at=held.restarted_at)
    return wanted


def _override(key: str, body: object, unknown: Unknown) -> Override:
    try:
        return decode(Override, {**_body(body), "serviceId": key}, unknown)
    except ContractError as exc:
        pointer = "" if exc.pointer == "/serviceId" else exc.pointer
        raise ContractError(pointer, exc.detail).under(key) from None


def _body(body: object) -> Mapping[str, object]:
    if not isinstance(body, Mapping):
        raise ContractError("", "expected an object with state, owner and reason, or null")
    if "serviceId" in body:
        raise ContractError("", "unknown key serviceId: the key above says it")
    return body


def _without_id(body: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in body.items() if key != "serviceId"}
