"""Decisions as documents: what is known in, state or answer out."""

import json
from pathlib import Path
from typing import Any

import pytest

from iotistic_contract.codec import decode, parse_time
from iotistic_contract.license import License, check_feature_access, license_status
from iotistic_contract.planning.host_paths import HostPaths
from iotistic_contract.planning.policy import Policy, objections
from iotistic_contract.target_state import ServiceConfig

DECISIONS = Path(__file__).parent / "vectors" / "decisions"


def cases(name: str) -> list[Any]:
    found = json.loads((DECISIONS / f"{name}.json").read_text())
    return [pytest.param(case, id=case["case"]) for case in found]


def license_of(case: dict[str, Any]) -> License | None:
    return None if case["license"] is None else License.from_claims(case["license"])


@pytest.mark.parametrize("case", cases("license-states"))
def test_license_states(case: dict[str, Any]) -> None:
    seen = case.get("highestSeen")
    status = license_status(
        license_of(case),
        parse_time(case["now"]),
        revoked=case.get("revoked", False),
        highest_seen=parse_time(seen) if seen else None,
    )
    until = parse_time(case["until"]) if case["until"] else None
    assert (status.state, status.until) == (case["state"], until)
    assert status.clock_suspect == case.get("clockSuspect", False)


@pytest.mark.parametrize("case", cases("license-access"))
def test_license_access(case: dict[str, Any]) -> None:
    access = check_feature_access(
        license_of(case),
        case["feature"],
        parse_time(case["now"]),
        used=case["used"],
        revoked=case.get("revoked", False),
    )
    assert (access.status, access.code, access.limit) == (
        case["status"],
        case["code"],
        case["limit"],
    )
    assert access.allowed == (case["status"] == 200)


@pytest.mark.parametrize("case", cases("bind-mounts"))
def test_bind_mounts(case: dict[str, Any]) -> None:
    config = decode(ServiceConfig, {"volumes": [f"{case['source']}:/inside"]})
    host = HostPaths(
        engine_sockets=tuple(case["engineSockets"]),
        own=tuple(case["own"]),
        links=frozenset(case["links"]),
    )
    said = list(objections(config, decode(Policy, case["policy"]), host))
    assert said == ([case["denied"]] if case["denied"] else [])
