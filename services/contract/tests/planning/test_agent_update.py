"""Releases side by side: every cut of every step ends in the old or the new one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from iotistic_contract.agent_release import Bundle, Manifest
from iotistic_contract.planning.agent_update import (
    STARTS,
    Begin,
    Drop,
    Fail,
    GiveUp,
    Health,
    Install,
    Link,
    Point,
    Releases,
    RunCurrent,
    Succeed,
    Surroundings,
    Trial,
    Try,
    Wait,
    at_start,
    is_downgrade,
    keeping,
    may_stay,
    next_step,
    older,
)

OLD, NEW = "0.1.0", "0.2.0"
BEFORE = Releases(current=OLD, whole=frozenset({OLD}))
WHOLE = replace(BEFORE, whole=frozenset({OLD, NEW}))
TRIAL = Trial(order="o1", version=NEW)
ON_TRIAL = replace(WHOLE, new=NEW, trial=TRIAL)
FAILED = replace(TRIAL, starts=3, failure="it ended with 1")


def done(found: Releases, step: object) -> Releases:
    """Return the folder after a step."""
    match step:
        case Try(trial=trial) | GiveUp(trial=trial):
            return replace(found, trial=trial)
        case Drop():
            return replace(found, new=None)
        case Point(link=Link.PREVIOUS, version=version):
            return replace(found, previous=version)
        case Point(version=version):
            return replace(found, current=version)
        case _:
            raise AssertionError(step)


def test_a_release_that_works_becomes_the_current_one() -> None:
    found = done(ON_TRIAL, at_start(ON_TRIAL))
    assert found.trial == replace(TRIAL, starts=1)
    steps = []
    while (step := keeping(found)) is not None:
        steps.append(step)
        found = done(found, step)
    assert steps == [Point(Link.PREVIOUS, OLD), Point(Link.CURRENT, NEW), Drop()]
    assert (found.current, found.previous, found.new) == (NEW, OLD, None)
    assert (at_start(found), next_step("o1", NEW, found)) == (RunCurrent(), Succeed())


def test_a_release_that_never_works_is_given_up_after_three_starts() -> None:
    found, tries = ON_TRIAL, 0
    while not isinstance(step := at_start(found, "it ended with 1"), RunCurrent):
        tries += isinstance(step, Try)
        found = done(found, step)
    assert tries == STARTS
    assert (found.current, found.previous, found.new) == (OLD, None, None)
    assert next_step("o1", NEW, found) == Fail("0.2.0 was started 3 times: it ended with 1")
    assert next_step("o2", NEW, found) == Begin(Trial(order="o2", version=NEW))


def test_a_cut_before_any_step_of_keeping_ends_in_one_of_both() -> None:
    found: Releases = replace(ON_TRIAL, trial=replace(TRIAL, starts=1))
    cuts = [found]
    while (step := keeping(found)) is not None:
        found = done(found, step)
        cuts.append(found)
    for cut in cuts:
        after = cut
        for _ in range(20):
            step = at_start(after)
            if isinstance(step, RunCurrent):
                break
            after = done(after, step)
        assert isinstance(at_start(after), RunCurrent)
        assert after.current in {OLD, NEW}
        assert after.new is None
        wanted = Succeed() if after.current == NEW else Fail
        told = next_step("o1", NEW, after)
        assert told == wanted or isinstance(told, Fail)


@pytest.mark.parametrize(
    "found",
    [
        replace(ON_TRIAL, trial=None),
        replace(ON_TRIAL, trial=replace(TRIAL, version="0.3.0")),
        replace(ON_TRIAL, trial=FAILED),
        replace(ON_TRIAL, whole=frozenset({OLD})),
        replace(ON_TRIAL, current=NEW),
    ],
)
def test_a_link_that_means_nothing_is_dropped(found: Releases) -> None:
    assert at_start(found) == Drop()


@pytest.mark.parametrize(
    ("found", "step"),
    [
        (BEFORE, Install()),
        (WHOLE, Begin(TRIAL)),
        (replace(WHOLE, trial=TRIAL), Begin(TRIAL)),
        (replace(WHOLE, trial=FAILED), Fail("it ended with 1")),
        (replace(WHOLE, trial=replace(FAILED, order="o0")), Begin(TRIAL)),
        (ON_TRIAL, Wait()),
        (replace(BEFORE, current=NEW), Succeed()),
        (
            replace(WHOLE, current="0.3.0", trial=replace(TRIAL, starts=1)),
            Fail("its trial was ended by another install"),
        ),
    ],
)
def test_what_an_order_needs_next(found: Releases, step: object) -> None:
    assert next_step("o1", NEW, found) == step


@pytest.mark.parametrize(
    ("health", "engine", "cloud", "stays"),
    [
        (None, False, False, False),
        (Health(reconciles=True, engine=True, cloud=True), True, True, True),
        (Health(reconciles=True, engine=True), True, True, False),
        (Health(reconciles=True, engine=True), True, False, True),
        (Health(engine=True, cloud=True), True, True, False),
        (Health(reconciles=True, cloud=True), True, True, False),
        (Health(reconciles=True, cloud=True), False, True, True),
        (Health(), False, False, True),
    ],
)
def test_a_release_works_as_well_as_one_can_here(
    health: Health | None, engine: bool, cloud: bool, stays: bool
) -> None:
    assert may_stay(health, Surroundings(engine=engine, cloud=cloud)) is stays


def test_health_is_read_from_the_local_api() -> None:
    checks: dict[str, Any] = {"reconciler": {"ok": True}, "engine": {"ok": True}}
    health = {"checks": checks}
    whole = Health(reconciles=True, engine=True, cloud=True)
    assert Health.of(health, {"connection": {"latencyMs": 3.5}}) == whole
    assert Health.of(health, {"connection": {"latencyMs": None}}) == replace(whole, cloud=False)
    assert Health.of({"checks": []}, {}) == Health()


def test_older_means_released_before_or_lower_numbers() -> None:
    bundle = Bundle(
        arch="x86_64",
        file="iotistic-agent-0.2.0-x86_64.tar",
        sha256="c" * 64,
        size=5,
        pythons=("3.11",),
    )
    manifest = Manifest(
        version="0.2.0",
        released=datetime(2026, 1, 15, 10, 30, tzinfo=UTC),
        key="a" * 64,
        installer="d" * 64,
        bundles=(bundle,),
    )
    assert is_downgrade("0.1.0", "20260115103001", manifest)
    assert not is_downgrade("0.3.0", "20260115103000", manifest)
    assert is_downgrade("0.2.1", None, manifest)
    assert not is_downgrade("0.2.0+3fa9c1d2", None, manifest)
    assert older("0.9.1", "0.10.0")
    assert not older("0.10.0", "0.9.1")
    assert not older("test", "0.9.1")
