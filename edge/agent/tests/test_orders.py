"""Orders as they are kept, and what is read out of a token that nobody signed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iotistic_agent.adapters.program import Program
from iotistic_agent.adapters.store import Store
from iotistic_agent.adapters.store.orders import MOST_ORDERS
from iotistic_agent.faults import UpgradeLater
from iotistic_agent.loops.orders import claimed_id
from iotistic_contract.codec import b64u_encode
from iotistic_contract.orders import Order, OrderKind
from iotistic_contract.planning.agent_update import Link, Trial
from iotistic_pki.files import exclusive

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
ORDER = Order(
    aud="cust_" + "a" * 32,
    uuid="7f5cdf5a-3a5e-4c5b-9f0e-0c5d5b1f2a3b",
    registration="r1",
    id="o1",
    kind=OrderKind.UPGRADE,
    counter=1,
    version="1.1",
    sha256="ab" * 32,
    not_before=NOW,
    expires=NOW + timedelta(days=1),
)


@pytest.fixture
def store(tmp_path: Path):
    made = Store.open(tmp_path / "device.sqlite", lambda: NOW)
    yield made
    made.close()


def test_an_order_is_kept_with_its_number(store: Store) -> None:
    store.orders.take(ORDER)
    assert store.orders.counters("r1") == {"upgrade": 1}
    assert store.orders.counters("r2") == {}
    assert store.orders.upgrade("r2") is None
    taken = store.orders.upgrade("r1")
    assert taken is not None
    assert (taken.id, taken.version, taken.status) == ("o1", "1.1", "running")
    assert taken.expires_at == (NOW + timedelta(days=1)).timestamp()


def test_an_order_that_can_t_be_kept_leaves_the_number_as_it_was(store: Store) -> None:
    store.orders.take(ORDER)
    store.orders.end("o1", "failed", "no room")
    with pytest.raises(Exception, match="UNIQUE"):
        store.orders.take(replace(ORDER, counter=2))
    assert store.orders.counters("r1") == {"upgrade": 1}


def test_a_newer_order_takes_the_place_of_one_under_way(store: Store) -> None:
    store.orders.take(ORDER)
    store.orders.take(replace(ORDER, id="o2", counter=2))
    taken = store.orders.upgrade("r1")
    assert taken is not None
    assert taken.id == "o2"
    assert store.orders.find("r1", "o1") is None


def test_each_status_is_told_until_the_cloud_knows_it(store: Store) -> None:
    store.orders.take(ORDER)
    (running,) = store.orders.untold("r1")
    store.orders.end("o1", "failed", "no room")
    store.orders.told(running)
    (failed,) = store.orders.untold("r1")
    assert (failed.status, failed.output) == ("failed", "no room")
    store.orders.told(failed)
    assert store.orders.untold("r1") == []
    store.orders.tell_again("o1")
    assert store.orders.untold("r1") == [failed]


def test_old_orders_are_forgotten_the_numbers_are_not(store: Store) -> None:
    for number in range(1, MOST_ORDERS + 6):
        store.orders.take(replace(ORDER, id=f"o{number}", counter=number))
        store.orders.end(f"o{number}", "succeeded", None)
    assert len(store.orders.untold("r1")) == MOST_ORDERS
    assert store.orders.counters("r1") == {"upgrade": MOST_ORDERS + 5}


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        (b'{"id": "order-1"}', "order-1"),
        (b'{"id": "../state"}', None),
        (b'{"id": 7}', None),
        (b"[]", None),
        (b"no json", None),
    ],
)
def test_an_id_is_read_for_the_answer_alone(claims: bytes, found: str | None) -> None:
    assert claimed_id(f"e30.{b64u_encode(claims)}.c2ln") == found


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "a.!.c"])
def test_what_is_no_token_names_no_order(token: str) -> None:
    assert claimed_id(token) is None


def test_a_folder_of_releases_is_read_and_changed(tmp_path: Path) -> None:
    for version, released in (("1.0", "20260115103000"), ("1.1", "a line of wheels")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "complete").write_text(f"{released}\n")
        (tmp_path / version / "pyvenv.cfg").touch()
    assert Program.here(tmp_path / "1.0") is None
    (tmp_path / "current").symlink_to("1.0")
    program = Program.here(tmp_path / "1.0")
    assert program is not None
    assert (program.released("1.0"), program.released("1.1")) == ("20260115103000", None)
    program.note(Trial(order="o1", version="1.1", starts=2))
    program.point(Link.NEW, "1.1")
    found = program.read()
    assert (found.current, found.new, found.previous) == ("1.0", "1.1", None)
    assert found.whole == {"1.0", "1.1"}
    assert found.trial == Trial(order="o1", version="1.1", starts=2)
    program.drop()
    program.prune()
    assert not (tmp_path / "1.1").exists()
    assert (tmp_path / "current/complete").exists()
    (tmp_path / ".trial").write_text("{")
    assert program.read().trial is None


def test_the_install_script_keeps_us_out(tmp_path: Path) -> None:
    program = Program(tmp_path, "1.0")
    with exclusive(tmp_path / ".lock"), pytest.raises(UpgradeLater), program.alone():
        raise AssertionError
