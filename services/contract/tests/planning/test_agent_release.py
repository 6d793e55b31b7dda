"""The release folder: written once, written anew when it isn't what is wanted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from iotistic_contract.agent_release import Bundle, Bundles, Manifest
from iotistic_contract.planning.agent_release import (
    ActualRelease,
    MakeReleaseKey,
    Release,
    ReleaseKeyDiffers,
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
        (replace(SOUND, manifest=replace(THERE, installer=KEY)), (WriteRelease(WANTED, NOW),)),
        (replace(SOUND, manifest=replace(THERE, version="0.1.1")), (WriteRelease(WANTED, NOW),)),
        (replace(SOUND, manifest=replace(THERE, bundles=(NEWER,))), (WriteRelease(WANTED, NOW),)),
    ],
)
def test_steps(actual: ActualRelease, steps: tuple[object, ...]) -> None:
    planned = plan(actual, WANTED)
    assert planned.steps == steps
    assert planned.changed == (planned.before != planned.after)


@pytest.mark.parametrize(
    ("key", "words", "steps"),
    [
        (OTHER, OTHER, (WriteRelease(WANTED, NOW),)),
        (None, "there is no release key", (MakeReleaseKey(), WriteRelease(WANTED, NOW))),
    ],
)
def test_a_release_of_another_key_is_replaced_on_purpose_only(
    key: str | None, words: str, steps: tuple[object, ...]
) -> None:
    actual = replace(SOUND, key=key, sound=False)
    with pytest.raises(ReleaseKeyDiffers, match=rf"{KEY}.*{words}.*replace_key") as refused:
        plan(actual, WANTED)
    assert (refused.value.signed_by, refused.value.found) == (KEY, key)
    assert plan(actual, WANTED, replace_key=True).steps == steps


@pytest.mark.parametrize("ahead", [timedelta(days=2), timedelta(milliseconds=1), timedelta(0)])
def test_a_release_is_later_than_the_one_before_whatever_the_clock_says(ahead: timedelta) -> None:
    there = replace(THERE, version="0.1.1", released=NOW + ahead)
    planned = plan(replace(SOUND, manifest=there), WANTED)
    assert planned.steps == (WriteRelease(WANTED, NOW + ahead + timedelta(seconds=1)),)
