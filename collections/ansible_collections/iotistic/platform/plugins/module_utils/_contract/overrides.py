# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""A person's start, stop or pause of a service, beside the spec."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from .codec import Unknown, check_fields, decode, encode
from .errors import ContractError
from .ids import ServiceId
from .target_state import ServiceState, Spec

__all__ = [
    "Override",
    "effective",
    "encode_overrides",
    "live",
    "next_expiry",
    "overrides_from",
    "patched",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One service's state as ``owner`` wants it, until ``expires_at`` or for good (None)."""

    service_id: ServiceId
    state: ServiceState
    owner: str
    reason: str
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("owner", "reason"):
            text = getattr(self, name)
            if not text.strip() or len(text) > 256 or not text.isprintable():
                raise ContractError(f"/{name}", "not 1 to 256 printable characters")


def overrides_from(document: object, unknown: Unknown = "refuse") -> tuple[Override, ...]:
    """Return the overrides of ``{serviceId: {state, owner, reason, expiresAt?}}``."""
    return patched((), document, unknown)


def patched(
    overrides: Iterable[Override], document: object, unknown: Unknown = "refuse"
) -> tuple[Override, ...]:
    """Return ``overrides`` with those of ``document`` set, and those that it gives as null gone."""
    if not isinstance(document, Mapping):
        raise ContractError("", "expected an object of overrides by service id")
    kept = {override.service_id: override for override in overrides}
    for key, body in document.items():
        if body is None:
            kept.pop(key, None)
        else:
            kept[key] = _override(key, body, unknown)
    return tuple(kept[key] for key in sorted(kept))


def encode_overrides(overrides: Iterable[Override]) -> dict[str, object]:
    """Return ``overrides`` by service id, as ``overrides_from`` reads them."""
    bodies = {override.service_id: encode(override) for override in overrides}
    return {key: _without_id(bodies[key]) for key in sorted(bodies)}


def live(overrides: Iterable[Override], spec: Spec, now: datetime) -> tuple[Override, ...]:
    """Return the overrides that hold at ``now``: not expired, and of a service in ``spec``."""
    services = {service.service_id for service in spec.services()}
    return tuple(
        override
        for override in overrides
        if override.service_id in services
        and (override.expires_at is None or override.expires_at > now)
    )


def next_expiry(overrides: Iterable[Override], now: datetime) -> datetime | None:
    """Return when the next override ends after ``now``; None when none does."""
    times = [one.expires_at for one in overrides if one.expires_at and one.expires_at > now]
    return min(times, default=None)


def effective(spec: Spec, overrides: Iterable[Override], now: datetime) -> Spec:
    """Return ``spec`` with the states that the overrides live at ``now`` set."""
    states = {override.service_id: override.state for override in live(overrides, spec, now)}
    if not states:
        return spec
    apps = {
        key: replace(
            app,
            services=tuple(
                replace(service, state=states.get(service.service_id, service.state))
                for service in app.services
            ),
        )
        for key, app in spec.apps.items()
    }
    return replace(spec, apps=apps)


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
