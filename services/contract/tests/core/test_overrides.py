from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from iotistic_contract.codec import decode
from iotistic_contract.overrides import (
    effective,
    encode_overrides,
    live,
    next_expiry,
    overrides_from,
    patched,
)
from iotistic_contract.target_state import Spec

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
HOLD = {"state": "stopped", "owner": "alice", "reason": "noise"}


def _states(spec: Spec) -> dict[str, str]:
    return {service.service_id: service.state.value for service in spec.services()}


def test_an_override_rules_until_it_expires_or_its_service_goes(
    service: Callable[..., Any], spec: Callable[..., Any]
) -> None:
    written = decode(Spec, spec(service("web"), service("db", state="paused")))
    overrides = overrides_from(
        {
            "web": {**HOLD, "expiresAt": "2026-01-15T11:00:00Z"},
            "db": {**HOLD, "state": "running"},
            "gone": HOLD,
        }
    )
    later = NOW + timedelta(minutes=30)
    assert _states(effective(written, overrides, NOW)) == {"web": "stopped", "db": "running"}
    assert _states(effective(written, overrides, later)) == {"web": "running", "db": "running"}
    assert [one.service_id for one in live(overrides, written, NOW)] == ["db", "web"]
    assert next_expiry(overrides, NOW) == later
    assert next_expiry(overrides, later) is None


def test_without_live_overrides_the_spec_itself_comes_back(
    service: Callable[..., Any], spec: Callable[..., Any]
) -> None:
    written = decode(Spec, spec(service("web")))
    assert effective(written, overrides_from({"gone": HOLD}), NOW) is written


def test_a_patch_sets_and_removes_and_leaves_the_rest() -> None:
    overrides = overrides_from({"a": HOLD, "b": HOLD})
    after = patched(overrides, {"a": None, "c": {**HOLD, "owner": "bob"}, "never": None})
    assert encode_overrides(after) == {"b": HOLD, "c": {**HOLD, "owner": "bob"}}
