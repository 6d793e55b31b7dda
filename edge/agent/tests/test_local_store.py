"""What people at the device asked for and set, as it is kept."""

from datetime import UTC, datetime, timedelta

import pytest

from iotistic_agent.adapters.store import Store
from iotistic_contract.planning.local_overrides import (
    LocalActions,
    LocalOverride,
    Purge,
    Restart,
)
from iotistic_contract.target_state import ServiceState

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HELD = LocalOverride(
    service_id="one",
    state=ServiceState.STOPPED,
    instead_of=ServiceState.RUNNING,
    owner="ana",
    reason="a look",
    until=NOW + timedelta(minutes=10),
)
RESTART = Restart(service_id="one", container_id="c", started_at=None, owner="ana", reason="r")
PURGE = Purge(app_id="app", volumes=frozenset({"a", "b"}), owner="ana", reason="r")
ALL = LocalActions(overrides=(HELD,), restarts=(RESTART,), purges=(PURGE,))


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    made = Store.open(tmp_path / "device.sqlite", clock)
    yield made
    made.close()


def test_it_outlives_the_agent(store, tmp_path, clock):
    store.local_overrides.keep(ALL)
    store.local_config.set("pollIntervalMs", 5000)
    again = Store.open(tmp_path / "device.sqlite", clock)
    assert again.local_overrides.all() == ALL
    assert again.local_config.all() == {"pollIntervalMs": 5000}
    assert again.fault() is None
    again.close()


def test_a_clock_that_was_set_back_makes_nothing_last_longer(store, clock):
    store.local_overrides.keep(ALL)
    clock.now = NOW - timedelta(days=400)
    [held] = store.local_overrides.all().overrides
    assert held.until == clock.now + timedelta(minutes=10)


def test_what_was_asked_anew_is_not_forgotten_with_the_old(store):
    store.local_overrides.keep(ALL)
    newer = LocalActions(
        overrides=(
            LocalOverride(
                service_id="one",
                state=ServiceState.PAUSED,
                instead_of=ServiceState.RUNNING,
                owner="ben",
                reason="another",
            ),
        )
    )
    store.local_overrides.keep(newer)
    assert store.local_overrides.forget(ALL.all()) == 2
    assert store.local_overrides.all() == newer
    assert store.local_overrides.forget(newer.all()) == 1
    assert not store.local_overrides.all()


def test_giving_back_and_asking_is_one_change(store):
    store.local_overrides.keep(ALL)
    broken = LocalActions(overrides=(HELD,), restarts=(RESTART,), purges=(object(),))
    with pytest.raises(AttributeError):
        store.local_overrides.keep(broken, given_back=["one"])
    assert store.local_overrides.all() == ALL


def test_settings_are_reset_one_by_one_or_all(store):
    store.local_config.set("logLevel", "debug")
    store.local_config.set("logLevel", "error")
    store.local_config.set("pollIntervalMs", 5000)
    assert store.local_config.reset("logLevel") == 1
    assert store.local_config.all() == {"pollIntervalMs": 5000}
    assert store.local_config.reset() == 1
    assert store.local_config.all() == {}
