"""What a gate on a route costs once the license is verified."""

from __future__ import annotations

import json
import timeit
from datetime import UTC, datetime
from pathlib import Path

from iotistic_contract.license import License, check_feature_access
from tests.bench.figure import Figure

VECTOR = Path(__file__).parents[1] / "contract" / "vectors" / "signed" / "license.json"
CALLS, ROUNDS = 20_000, 7


def run() -> list[Figure]:
    """Return the time of one decision, in microseconds: the best of seven rounds."""
    license_ = License.from_claims(json.loads(VECTOR.read_text())["claims"])
    now = datetime(2026, 1, 15, tzinfo=UTC)
    rounds = timeit.repeat(
        lambda: check_feature_access(license_, "canExecuteJobs", now), number=CALLS, repeat=ROUNDS
    )
    return [Figure("license: gate on a verified license", min(rounds) / CALLS * 1e6, "us", 2.0)]
