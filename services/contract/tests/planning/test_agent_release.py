"""The release folder: written once, written anew when it isn't what is wanted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from iotistic_contract.agent_release import Bundle, Bundles, Manifest
from iotistic_contract.planning.agent_release import (
    ActualRelease,
    MakeReleaseKey,
    Release,
    WriteRelease,
    plan,
)

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
THEN = NOW - timedelta(days=3)
KEY, OTHER = "a" * 64, "b" * 64
BUNDLE = Bundle(
    arch="aarch64",
    file="iotistic-agent-0.1.0-aarch64.tar",
    sha256="c" * 64,
    size=5,
    pythons=("3.11",),
)
WANTED = Release(bundles=Bundles(version="0.1.0", bundles=(BUNDLE,)), installer="d" * 64)
THERE = Manifest(
    version="0.1.0", released=THEN, key=KEY, installer="d" * 64, bundles=(BUNDLE,)
)  # fmt: skip
SOUND = ActualRelease(now=NOW, key=KEY, manifest=THERE, sound=True)
NEWER = replace(BUNDLE, sha256="e" * 64)


@pytest.mark.parametrize(
    ("actual", "steps"),
    [
        (ActualRelease(now=NOW), (MakeReleaseKey(), WriteRelease(WANTED, NOW))),
        (ActualRelease(now=NOW, key=KEY), (WriteRelease(WANTED, NOW),)),
        (SOUND, ()),
        (replace(SOUND, sound=False), (WriteRelease(WANTED, THEN),)),
        (replace(SOUND, key=OTHER), (WriteRelease(WANTED, NOW),)),
        (replace(SOUND, key=None, sound=False), (MakeReleaseKey(), WriteRelease(WANTED, NOW))),
        (replace(SOUND, manifest=replace(THERE, installer=KEY)), (WriteRelease(WANTED, NOW),)),
        (replace(SOUND, manifest=replace(THERE, version="0.1.1")), (WriteRelease(WANTED, NOW),)),
        (replace(SOUND, manifest=replace(THERE, bundles=(NEWER,))), (WriteRelease(WANTED, NOW),)),
    ],
)
def test_steps(actual: ActualRelease, steps: tuple[object, ...]) -> None:
    planned = plan(actual, WANTED)
    assert planned.steps == steps
    assert planned.changed == (planned.before != planned.after)
