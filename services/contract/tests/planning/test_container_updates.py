"""Update strategies, liveness and images that nobody needs, step by step."""

from dataclasses import replace
from typing import Any

import pytest

from iotistic_contract.planning import containers as c
from iotistic_contract.target_state import ServiceState, UpdateStrategy

OLD, NEW = "app:1", "app:2"
IDS = {OLD: "id-1", NEW: "id-2"}
STARTED = c.Container(
    id="old",
    name="iot-one",
    service_id="one",
    config_hash="1",
    image_id="id-1",
    state=c.EngineState.RUNNING,
)


def wanted(strategy: UpdateStrategy = UpdateStrategy.DOWNLOAD_THEN_KILL, **rest: Any) -> c.Target:
    fields: dict[str, Any] = {"image": NEW, "state": ServiceState.RUNNING, "config_hash": "2"}
    service = c.WantedContainer(
        app_id="app",
        service_id="one",
        service_name="one",
        name="iot-one",
        update_strategy=strategy,
        **fields | rest,
    )
    return c.Target(containers=(service,))


def world(*images: str, **rest: Any) -> c.World:
    """A world that runs the old container, with ``images`` there and the old one its own."""
    fields: dict[str, Any] = {
        "containers": (STARTED,),
        "images": {image: IDS[image] for image in images},
        "own_images": {OLD: "id-1"},
    }
    return c.World(**fields | rest)


def words(at: c.World, target: c.Target) -> list[str]:
    return [
        f"{type(each).__name__} {getattr(each, 'image', '')}".strip()
        for each in c.plan(at, target).steps
    ]


KILL = ["StopContainer", "RemoveContainer"]
MAKE = ["CreateContainer", "StartContainer"]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("download-then-kill", [f"PullImage {NEW}", *KILL, *MAKE]),
        ("kill-then-download", [*KILL, f"PullImage {NEW}", *MAKE]),
        ("delete-then-download", [*KILL, f"PullImage {NEW}", *MAKE]),
        ("hand-over", [f"PullImage {NEW}", "RenameContainer", *MAKE]),
    ],
)
def test_the_order_of_an_update(strategy: str, expected: list[str]) -> None:
    assert words(world(OLD), wanted(UpdateStrategy(strategy))) == expected


def test_delete_then_download_gives_the_old_image_s_room_first() -> None:
    target = wanted(UpdateStrategy.DELETE_THEN_DOWNLOAD)
    stopped = world(OLD, containers=())
    assert words(stopped, target) == [f"RemoveImage {OLD}", f"PullImage {NEW}", *MAKE]
    held = replace(stopped, held_removals=frozenset({OLD}))
    assert words(held, target) == [f"PullImage {NEW}", *MAKE], "a removal that fails blocks nothing"


def test_kill_then_download_keeps_the_old_image() -> None:
    target = replace(wanted(UpdateStrategy.KILL_THEN_DOWNLOAD), kept_images=frozenset({OLD}))
    assert words(world(OLD, containers=()), target) == [f"PullImage {NEW}", *MAKE]


def test_a_disk_that_cannot_hold_both_lets_the_old_go_first() -> None:
    cramped = world(OLD, cramped_images=frozenset({NEW}))
    assert words(cramped, wanted()) == [*KILL, f"PullImage {NEW}", *MAKE]
    assert words(replace(cramped, containers=()), wanted())[0] == f"RemoveImage {OLD}"


def test_a_service_that_makes_room_waits_for_the_images_of_the_others() -> None:
    other = replace(
        wanted().containers[0], service_id="two", service_name="two", name="iot-two", image=OLD
    )
    roomy = wanted(UpdateStrategy.KILL_THEN_DOWNLOAD).containers[0]
    target = c.Target(containers=(roomy, other))
    assert words(world(held_images=frozenset({OLD})), target) == []
    assert words(world(), target)[:2] == [f"PullImage {OLD}", "StopContainer"]


def test_hand_over_goes_on_until_the_successor_is_healthy() -> None:
    target = wanted(UpdateStrategy.HAND_OVER)
    renamed = replace(STARTED, name="iot-one-old")
    assert words(world(OLD, NEW, containers=(renamed,)), target) == MAKE, "cut after the renaming"
    successor = replace(STARTED, id="new", config_hash="2", image_id="id-2", health="starting")
    both = world(OLD, NEW, containers=(renamed, successor))
    assert words(both, target) == []
    healthy = replace(both, containers=(renamed, replace(successor, health="healthy")))
    assert words(healthy, target) == KILL
    assert c.plan(healthy, target).steps[0] == c.StopContainer("one", "iot-one-old")


def test_hand_over_back_to_the_old_set_leaves_the_old_one_alone_until_then() -> None:
    target = wanted(UpdateStrategy.HAND_OVER, image=OLD, config_hash="1")
    renamed = replace(STARTED, name="iot-one-old")
    broken = replace(STARTED, id="new", config_hash="2", image_id="id-2", health="unhealthy")
    steps = c.plan(world(OLD, NEW, containers=(renamed, broken)), target).steps
    assert steps[:2] == (c.StopContainer("one", "iot-one"), c.RemoveContainer("one", "iot-one"))
    assert not any("old" in getattr(each, "name", "") for each in steps)


@pytest.mark.parametrize("state", [ServiceState.STOPPED, ServiceState.PAUSED])
def test_hand_over_of_what_is_not_to_run_is_a_plain_one(state: ServiceState) -> None:
    steps = words(world(OLD, NEW), wanted(UpdateStrategy.HAND_OVER, state=state))
    assert steps[:2] == KILL


def test_what_fails_its_liveness_probe_is_restarted() -> None:
    target = wanted(image=OLD, config_hash="1")
    failing = world(OLD, failing=frozenset({"old"}))
    assert c.plan(failing, target).steps == (c.RestartContainer("one", "iot-one"),)
    assert words(replace(failing, held_services=frozenset({"one"})), target) == []
    stopped = wanted(image=OLD, config_hash="1", state=ServiceState.STOPPED)
    assert words(failing, stopped) == ["StopContainer"]


def test_images_for_later_are_brought_and_stop_nothing() -> None:
    target = replace(wanted(image=OLD, config_hash="1"), prefetch=frozenset({NEW}))
    assert words(world(OLD), target) == [f"PullImage {NEW}"]
    assert words(world(OLD, held_images=frozenset({NEW})), target) == []


def test_images_that_nothing_may_need_again_go_at_leisure() -> None:
    own = {OLD: "id-1", NEW: "id-2", "ancient:1": "id-0"}
    at = world(OLD, NEW, own_images=own)
    target = wanted(image=OLD, config_hash="1")
    assert words(at, target) == [], "what may be needed isn't known yet"
    kept = replace(target, kept_images=frozenset({NEW}))
    assert words(at, kept) == ["RemoveImage ancient:1"]
    busy = replace(wanted(config_hash="2"), kept_images=frozenset())
    assert "RemoveImage ancient:1" not in words(at, busy), "not in the middle of a change"
    foreign = replace(at, own_images={})
    assert words(foreign, kept) == [], "an image that somebody else brought stays"
