"""When a candidate is committed, waits, or is given up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iotistic_contract.codec import decode
from iotistic_contract.errors import ContractError
from iotistic_contract.planning import containers as c
from iotistic_contract.planning.container_world import Probes
from iotistic_contract.planning.holds import Lease, holds
from iotistic_contract.planning.release import (
    Commit,
    Fault,
    GiveUp,
    Patience,
    Trial,
    Wait,
    awaits_images,
    gated_services,
    held_target,
    judge,
    patience_for,
)
from iotistic_contract.probes import Probe, TcpProbe
from iotistic_contract.target_state import ServiceState, UpdateStrategy
from iotistic_contract.update_window import UpdateWindow

PATIENCE = Patience(window=10, timeout=300)
NOW = datetime(2026, 3, 4, 1, 0, tzinfo=UTC)  # a Wednesday


def wanted(name: str = "one", **rest: Any) -> c.WantedContainer:
    fields: dict[str, Any] = {"image": "app:1", "state": ServiceState.RUNNING, "config_hash": "a"}
    fields |= {"release_hash": "a", **rest}
    return c.WantedContainer(
        app_id="app", service_id=name, service_name=name, name=f"iot-{name}", **fields
    )


def found(**rest: Any) -> c.Container:
    fields: dict[str, Any] = {"state": c.EngineState.RUNNING, "config_hash": "a", "image_id": "i"}
    return c.Container(id="1", name="iot-one", service_id="one", **fields | rest)


def world(*containers: c.Container) -> c.World:
    return c.World(containers=containers, images={"app:1": "i"})


def trial(**rest: Any) -> Trial:
    fields: dict[str, Any] = {"gated": frozenset({"one"}), "age": 20.0, "may_go_back": True}
    return Trial(**fields | rest)


TARGET = c.Target(containers=(wanted(),))


def test_healthy_for_the_window_is_committed() -> None:
    at = world(found())
    assert judge(at, TARGET, trial(), PATIENCE) == Wait(10.0)
    assert judge(at, TARGET, trial(steady={"one": 4.0}), PATIENCE) == Wait(6.0)
    assert judge(at, TARGET, trial(steady={"one": 10.0}), PATIENCE) == Commit()


def test_nothing_is_committed_before_moving_tags_were_looked_up() -> None:
    steady = trial(steady={"one": 10.0}, looking_up=True)
    assert judge(world(found()), TARGET, steady, PATIENCE) == Wait(280.0)


def test_what_changed_nothing_that_runs_is_committed_at_once() -> None:
    assert judge(world(found()), TARGET, trial(gated=frozenset()), PATIENCE) == Commit()


@pytest.mark.parametrize(
    ("container", "faults", "message"),
    [
        (found(health="unhealthy"), {}, "one: the container is unhealthy"),
        (found(restarts=3, exit_code=9), {}, "one: the container ended 3 times, last with code 9"),
        (found(state="exited"), {"one": Fault("start", "boom", 3)}, "one: boom"),
        (found(state="created"), {"one": Fault("create", "no such user", 5)}, "one: no such user"),
    ],
)
def test_what_will_not_become_healthy_is_given_up(
    container: c.Container, faults: dict[str, Fault], message: str
) -> None:
    verdict = judge(world(container), TARGET, trial(faults=faults), PATIENCE)
    assert isinstance(verdict, GiveUp)
    assert verdict.fault.message == message
    first = judge(world(container), TARGET, trial(faults=faults, may_go_back=False), PATIENCE)
    assert isinstance(first, Wait)
    assert first.fault == verdict.fault, "there is nothing to go back to, and it is said"


def test_what_another_release_did_is_not_held_against_this_one() -> None:
    at = world(found(health="unhealthy"))
    assert judge(at, TARGET, trial(gated=frozenset()), PATIENCE) == Commit()
    older = world(found(health="unhealthy", config_hash="older"))
    assert judge(older, TARGET, trial(), PATIENCE) == Wait(280.0), "it isn't the new container"
    moved = world(found(restarts=3, image_id="what the tag meant then"))
    assert judge(moved, TARGET, trial(), PATIENCE) == Wait(280.0), "its mend is about to come"
    twice = trial(faults={"one": Fault("start", "boom", 2)})
    assert judge(world(), TARGET, twice, PATIENCE) == Wait(280.0)


def test_its_time_begins_with_the_first_step_and_ends() -> None:
    assert judge(world(), TARGET, trial(age=None), PATIENCE) == Wait()
    verdict = judge(world(found(health="starting")), TARGET, trial(age=300.0), PATIENCE)
    assert verdict == GiveUp(Fault("health", "one not healthy after 300 s"))


def test_what_it_did_not_change_and_never_runs_does_not_undo_it() -> None:
    target = c.Target(containers=(wanted(), wanted("broken")))
    at = world(found())
    assert judge(at, target, trial(steady={"one": 10.0}), PATIENCE) == Wait(280.0)
    late = trial(steady={"one": 10.0}, age=300.0)
    assert judge(at, target, late, PATIENCE) == Commit()


def test_its_time_stands_still_while_images_come() -> None:
    moving = c.Target(containers=(wanted(always_pull=True),))
    frugal = UpdateStrategy.DELETE_THEN_DOWNLOAD
    making_room = c.Target(containers=(wanted(update_strategy=frugal),))
    for target in (TARGET, moving, making_room):
        assert not awaits_images(world(found()), target)
        assert awaits_images(replace(world(found()), coming_images=frozenset({"app:1"})), target)
    assert awaits_images(c.World(), TARGET), "it can't be pulled, and the old one runs on"
    assert not awaits_images(c.World(), making_room), "nothing runs on"


def test_a_moving_tag_is_looked_up_before_the_old_container_goes() -> None:
    target = c.Target(containers=(wanted(always_pull=True, config_hash="b", release_hash="b"),))
    looked_up = frozenset({"app:1"})
    coming = replace(world(found()), held_images=looked_up, coming_images=looked_up)
    assert c.plan(coming, target).steps == ()
    in_vain = replace(world(found()), held_images=looked_up)
    assert c.plan(in_vain, target).steps, "the registry is away: what is there has to do"


def test_a_machine_that_restarts_again_and_again_gets_its_old_release() -> None:
    assert isinstance(judge(world(found()), TARGET, trial(boots=4), PATIENCE), Wait)
    assert isinstance(judge(world(found()), TARGET, trial(boots=5), PATIENCE), GiveUp)


def test_services_that_a_candidate_changes() -> None:
    images = {"app:1": "i", "app:2": "j"}
    committed = c.Target(containers=(wanted(),))

    def gated(*services: c.WantedContainer, pins: dict[str, str] | None = None) -> set[str]:
        candidate = c.Target(containers=services)
        return set(gated_services(candidate, committed, images, pins or {}))

    assert gated(wanted()) == set()
    assert gated(wanted(config_hash="restarted")) == set(), "a restart is no release"
    assert gated(wanted(state=ServiceState.PAUSED, release_hash="b")) == set(), "it isn't to run"
    assert gated(wanted(release_hash="b")) == {"one"}
    assert gated(wanted(), wanted("two")) == {"two"}
    assert gated(wanted(), pins={"app:1": "former"}) == {"one"}, "the tag means another image now"
    assert set(gated_services(committed, None, images, {})) == {"one"}


def test_slow_starts_get_the_time_that_their_checks_allow() -> None:
    probe = Probe(tcp=TcpProbe(port=1), initial_delay_seconds=100, period_seconds=60)
    slow = c.Target(containers=(wanted(probes=Probes(startup=probe)),))
    assert patience_for(slow, PATIENCE).timeout == 100 + 4 * 61 + 10
    check = {"Test": ["CMD", "x"], "StartPeriod": 900_000_000_000, "Retries": 1}
    docker = c.Target(containers=(wanted(body={"Healthcheck": check}),))
    assert patience_for(docker, PATIENCE).timeout == 900 + 60 + 10
    assert patience_for(TARGET, PATIENCE) == PATIENCE


def test_while_held_releases_stay_and_states_follow() -> None:
    committed = c.Target(containers=(wanted(), wanted("two"), wanted("gone")))
    stopped = wanted("two", state=ServiceState.STOPPED)
    candidate = c.Target(
        containers=(wanted(image="app:2", release_hash="b"), stopped, wanted("new"))
    )
    held = held_target(candidate, committed)
    assert held.containers == (wanted(), stopped, wanted("gone"))
    assert held.prefetch == {"app:1", "app:2"}
    assert held.kept_images is None, "nothing is thrown away meanwhile"


def test_who_holds_is_said_in_words() -> None:
    lease = Lease(owner="press", reason="printing", until=NOW + timedelta(minutes=5))
    assert holds([lease], None, NOW) == ("press until 2026-03-04 01:05:00Z: printing",)
    assert holds([lease], None, NOW + timedelta(minutes=5)) == ()
    night = UpdateWindow(start="02:00", end="04:00", days=("wed",))
    assert holds([], night, NOW) == ("the update window, 02:00 to 04:00 UTC on wed",)
    assert holds([], night, NOW + timedelta(hours=1)) == ()


@pytest.mark.parametrize(
    ("hour", "zone", "days", "is_open"),
    [
        (22, "UTC", (), True),
        (1, "UTC", (), True),
        (2, "UTC", (), False),
        (21, "UTC", (), False),
        (1, "UTC", ("tue",), True),
        (1, "UTC", ("wed",), False),
        (23, "UTC", ("wed",), True),
        (1, "Europe/Berlin", (), False),
        (21, "Europe/Berlin", (), True),
        (1, "Nowhere/None", (), True),
    ],
)
def test_a_window_past_midnight(hour: int, zone: str, days: tuple[str, ...], is_open: bool) -> None:
    window = UpdateWindow(start="22:00", end="02:00", timezone=zone, days=days)
    assert window.is_open(replace_hour(hour)) == is_open


def replace_hour(hour: int) -> datetime:
    return NOW.replace(hour=hour)


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"start": "24:00", "end": "02:00"}, "/start"),
        ({"start": "2:00", "end": "04:00"}, "/start"),
        ({"start": "02:00", "end": "02:00"}, "/end"),
        ({"start": "02:00", "end": "04:00", "days": ["monday"]}, "/days/0"),
        ({"start": "02:00", "end": "04:00", "timezone": "../etc/passwd"}, "/timezone"),
        ({"start": "02:00", "end": "04:00", "until": "x"}, "/until"),
    ],
)
def test_a_window_with_a_mistake_is_refused(document: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ContractError) as caught:
        decode(UpdateWindow, document)
    assert caught.value.pointer == pointer
