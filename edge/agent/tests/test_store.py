import os
import resource
import signal
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iotistic_agent.adapters.store import MAX_SET_ASIDE, Store, StoredTarget
from iotistic_agent.faults import StoreFault
from iotistic_agent.outgoing import OutgoingLine
from iotistic_agent.registration import Registration
from iotistic_contract.lanes import Lane
from iotistic_contract.provisioning import BrokerConfig, MqttAccess
from iotistic_contract.topics import device_topics

UUID = "0f8e3c1a-5a63-4c58-9a27-2f2f4b3a9d11"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
TARGET = StoredTarget(etag='"1-a"', version=1, document={"schema": 1, "version": 1, "apps": {}})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "device.sqlite"


@pytest.fixture
def store(path):
    opened = Store.open(path, lambda: NOW)
    opened.identity.uuid(UUID, str)
    yield opened
    opened.close()


def registration() -> Registration:
    config = BrokerConfig(protocol="mqtt", host="broker", port=1883, use_tls=False)
    return Registration(
        uuid=UUID,
        registration="r1",
        customer_id="cust_" + "a" * 32,
        api_key="dk1.a.b",
        endpoint="https://api",
        ca_cert="PEM",
        target_state_url="https://api/state",
        mqtt=MqttAccess(
            broker_config=config, username=UUID, password="p", topics=device_topics(UUID)
        ),
        order_public_keys=({"kty": "OKP"},),
        key_id="k1",
    )


def test_a_registration_comes_back_as_it_was(store, path):
    assert store.identity.registration() is None
    store.identity.register(registration())
    again = Store.open(path, lambda: NOW)
    assert again.identity.registration() == registration()
    again.close()


def test_a_registration_makes_the_next_poll_a_full_one(store):
    store.targets.keep(TARGET)
    store.identity.register(registration())
    assert store.sync.etag() is None
    assert store.targets.wanted() == TARGET


def test_what_waits_for_one_tenant_goes_to_no_other(path):
    store = Store.open(path, lambda: NOW)
    store.identity.uuid(UUID, str)
    store.identity.register(registration())
    line = OutgoingLine(at="2026-01-02T00:00:00.000Z", body={"message": "theirs"}, level="info")
    store.outbox.add(Lane.LOGS, [line], lambda: "s")
    store.sync.set_aside("report", {"theirs": True}, 422, "no")
    store.identity.forget_registration()
    store.close()
    store = Store.open(path, lambda: NOW)
    assert store.outbox.waiting() == {}
    assert store._database.rows("SELECT 1 FROM set_aside") == []
    store.close()


def test_candidate_then_committed_then_previous(store):
    assert store.targets.wanted() is None
    store.targets.keep(TARGET)
    assert store.targets.wanted() == TARGET
    assert store.targets.commit(TARGET.etag, {})
    assert not store.targets.commit(TARGET.etag, {}), "only once"
    newer = StoredTarget(etag='"2-b"', version=2, document={"apps": {}})
    store.targets.keep(newer)
    assert (store.targets.wanted(), store.targets.slot("committed")) == (newer, TARGET)
    assert not store.targets.commit('"3-c"', {}), "another candidate has come"
    store.targets.commit(newer.etag, {})
    slots = [store.targets.slot(name) for name in ("candidate", "committed", "previous")]
    assert slots == [None, newer, TARGET]


@pytest.mark.parametrize("committed", [True, False])
def test_a_failed_target_leaves_the_one_before(store, committed):
    store.targets.keep(TARGET)
    if committed:
        store.targets.commit(TARGET.etag, {})
    store.targets.keep(replace(TARGET, etag='"2-b"', version=2, failure="/apps: no"))
    assert store.targets.wanted() == TARGET
    assert store.sync.etag() == '"2-b"', "it isn't asked for again"


def test_epochs_rise_and_the_stream_stays(store):
    first = store.sync.next_epoch("report", lambda: "one")
    second = store.sync.next_epoch("report", lambda: "two")
    assert (first, second) == (("one", 1), ("one", 2))


def test_what_was_refused_is_kept_within_bounds(store, path):
    for number in range(MAX_SET_ASIDE + 5):
        store.sync.set_aside("report", {"n": number}, 422, "no")
    count = store._database.row("SELECT count(*), min(id) FROM set_aside")
    assert count == (MAX_SET_ASIDE, 6)


def test_another_uuid_is_refused(store):
    with pytest.raises(StoreFault, match="DEVICE_UUID"):
        store.identity.uuid("0f8e3c1a-5a63-4c58-9a27-2f2f4b3a9d99", str)
    assert store.identity.uuid(None, str) == UUID


def test_a_damaged_database_is_set_aside(path):
    path.write_bytes(b"SQLite format 3\0" + b"damaged" * 1000)
    store = Store.open(path, lambda: NOW)
    assert store.identity.registration() is None
    assert path.with_name("device.sqlite.damaged").exists()
    assert path.stat().st_mode & 0o077 == 0
    store.close()


@pytest.fixture
def damaged(path):
    """A damaged database with its log beside it: somebody holds it open, so SQLite keeps both."""
    store = Store.open(path, lambda: NOW)
    store.targets.keep(replace(TARGET, document={"apps": "x" * 500_000}))
    store.close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("INSERT INTO sync VALUES ('later', '1')")
    content = bytearray(path.read_bytes())
    content[4096:] = b"damaged." * (len(content[4096:]) // 8)
    path.write_bytes(content)
    yield path
    holder.close()


@pytest.mark.parametrize("renames", range(3))
def test_a_power_cut_while_setting_aside_never_leaves_the_old_log_to_a_new_database(
    damaged, monkeypatch, renames
):
    content, rename, done = damaged.read_bytes(), Path.replace, []

    def cut_short(part, target):
        if len(done) == renames:
            raise OSError("power cut")
        done.append(part.name.removeprefix(damaged.name))
        return rename(part, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut_short)
        with pytest.raises(StoreFault, match="power cut"):
            Store.open(damaged, lambda: NOW)
    assert done == ["-wal", "-shm"][:renames]
    assert damaged.read_bytes() == content, "still there to be found damaged"

    store = Store.open(damaged, lambda: NOW)
    assert store.targets.wanted() is None
    assert damaged.with_name("device.sqlite.damaged").read_bytes() == content
    store.close()


def test_a_damaged_database_is_set_aside_for_good(damaged, monkeypatch):
    done, rename, sync = [], Path.replace, os.fsync
    monkeypatch.setattr(
        Path, "replace", lambda part, to: (done.append(part.name), rename(part, to))[1]
    )
    monkeypatch.setattr(
        os,
        "fsync",
        lambda number: (done.append(Path(f"/proc/self/fd/{number}").readlink()), sync(number))[1],
    )
    Store.open(damaged, lambda: NOW).close()
    names = [f"device.sqlite{suffix}" for suffix in ("-wal", "-shm", "")]
    assert done == [*names, damaged.parent]


@pytest.fixture
def full_disk(path):
    """A function that lets no file grow any more, until the block ends."""

    @contextmanager
    def full():
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        largest = max(each.stat().st_size for each in path.parent.iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return full


@pytest.mark.parametrize("size", [50_000, 20_000_000], ids=["at the commit", "before it"])
def test_after_a_full_disk_it_goes_on(store, full_disk, size):
    store.targets.keep(TARGET)
    large = replace(TARGET, etag='"2-b"', version=2, document={"apps": "x" * size})
    with full_disk(), pytest.raises(sqlite3.OperationalError, match=r"disk|full"):
        store.targets.keep(large)
    assert store.targets.wanted() == TARGET
    store.targets.keep(large)
    assert store.targets.wanted() == large


def test_after_a_commit_that_failed_it_goes_on(store):
    def no_commit(action, word, *_):
        commits = action == sqlite3.SQLITE_TRANSACTION and word == "COMMIT"
        return sqlite3.SQLITE_DENY if commits else sqlite3.SQLITE_OK

    store._database._connection.set_authorizer(no_commit)
    with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
        store.targets.keep(TARGET)
    store._database._connection.set_authorizer(None)
    assert store.targets.wanted() is None
    store.targets.keep(TARGET)
    assert store.targets.wanted() == TARGET


def test_a_place_that_cannot_be_written_says_so(tmp_path):
    with pytest.raises(StoreFault, match="can't keep state"):
        Store.open(tmp_path / "missing" / "device.sqlite", lambda: NOW)


def test_kill_9_leaves_the_old_or_the_new_target(path):
    """A process commits targets until it is killed; what is found is whole."""
    program = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from iotistic_agent.adapters.store import Store, StoredTarget
store = Store.open(Path(sys.argv[1]), lambda: datetime.now(UTC))
store.identity.uuid(None, lambda: "0f8e3c1a-5a63-4c58-9a27-2f2f4b3a9d11")
for n in range(1, 10**6):
    store.targets.keep(StoredTarget(etag=f'"{n}"', version=n, document={"n": n}))
    store.targets.commit(f'"{n}"', {})
    print(n, flush=True)
"""
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for _ in range(40):
            last = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
    store = Store.open(path, lambda: NOW)
    target = store.targets.wanted()
    assert target.version >= last
    assert target.document == {"n": target.version}
    assert store.sync.etag() == target.etag
    assert store.targets.slot("previous").version == store.targets.slot("committed").version - 1
    store.close()
