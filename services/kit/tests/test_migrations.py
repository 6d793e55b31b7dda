"""Migrations on a real PostgreSQL: in order, once, by one, and whole also when killed."""

import json
import signal
import subprocess
import sys
import threading
import time

import psycopg
import pytest

from iotistic_kit.conninfo import DatabaseUnreachableError
from iotistic_kit.migrations import BehindError, MigrationError, behind, check, main, migrate
from iotistic_kit.work import WORK_MIGRATIONS

pytestmark = pytest.mark.real

PROGRAM = """
import sys
from pathlib import Path
from iotistic_kit.migrations import migrate
print("begun", flush=True)
migrate(sys.argv[1], Path(sys.argv[2]))
"""


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, "0001_customers", "CREATE TABLE customers (id text); CREATE TABLE plans ();")
    write(tmp_path, "0002_devices", "CREATE TABLE devices (id text);")
    return tmp_path


def write(folder, name, text):
    (folder / f"{name}.sql").write_text(text)


def tables(conninfo):
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    with psycopg.connect(conninfo) as connection:
        return [name for (name,) in connection.execute(query)]


def test_from_empty_then_nothing_then_the_new_one(postgres, folder, capsys):
    assert behind(postgres, folder) == ["0001_customers", "0002_devices"]
    assert tables(postgres) == []
    with pytest.raises(BehindError, match="lacks 0001_customers, 0002_devices"):
        check(postgres, folder)
    assert migrate(postgres, folder) == ["0001_customers", "0002_devices"]
    assert migrate(postgres, folder) == []
    write(folder, "0003_keys", "CREATE TABLE keys ();")
    assert main(postgres, folder) == 0
    assert json.loads(capsys.readouterr().out) == {"applied": ["0003_keys"]}
    check(postgres, folder)
    assert tables(postgres) == ["customers", "devices", "keys", "plans", "schema_migrations"]


def test_the_kits_own_come_first(postgres, folder):
    applied = migrate(postgres, [WORK_MIGRATIONS, folder])
    assert applied == ["kit-0001-work", "0001_customers", "0002_devices"]


def changed(folder):
    write(folder, "0001_customers", "CREATE TABLE customers ();")


def numbered_before(folder):
    write(folder, "0001_a_late_one", "CREATE TABLE late ();")


def misnamed(folder):
    write(folder, "keys", "CREATE TABLE keys ();")


def broken(folder):
    write(folder, "0003_keys", "CREATE TABLE keys (); SELECT nothing FROM nowhere;")


REFUSED = [
    (changed, "0001_customers was changed after it was applied"),
    (numbered_before, "0001_a_late_one is numbered before 0001_customers"),
    (misnamed, "is named like 0001_customers.sql"),
    (broken, '0003_keys: relation "nowhere" does not exist; nothing of it stays'),
]


@pytest.mark.parametrize(("spoil", "message"), REFUSED)
def test_refused_and_nothing_changed(postgres, folder, spoil, message):
    migrate(postgres, folder)
    before = tables(postgres)
    spoil(folder)
    with pytest.raises(MigrationError) as raised:
        migrate(postgres, folder)
    assert message in str(raised.value)
    assert tables(postgres) == before


def test_an_unreachable_database_is_named_without_its_password(postgres, folder):
    conninfo = psycopg.conninfo.make_conninfo(postgres, port=1, password="hidden")
    with pytest.raises(DatabaseUnreachableError) as raised:
        migrate(conninfo, folder)
    assert "127.0.0.1:1/test_" in str(raised.value)
    assert "hidden" not in str(raised.value)


def test_several_at_once_apply_each_file_once(postgres, folder):
    write(folder, "0003_slow", "SELECT pg_sleep(0.2); CREATE TABLE slow ();")
    applied = []
    threads = [
        threading.Thread(target=lambda: applied.extend(migrate(postgres, folder))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert applied == ["0001_customers", "0002_devices", "0003_slow"]


def test_killed_half_way_it_goes_on_where_whole_files_end(postgres, folder):
    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE TABLE pause (seconds) AS SELECT 30")
    write(folder, "0003_slow", "CREATE TABLE slow (); SELECT pg_sleep(seconds) FROM pause;")
    write(folder, "0004_last", "CREATE TABLE last ();")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, postgres, str(folder)], stdout=subprocess.PIPE
    )
    process.stdout.readline()
    while "devices" not in tables(postgres) or not sleeping(postgres):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert "slow" not in tables(postgres)
    with psycopg.connect(postgres) as connection:
        connection.execute("UPDATE pause SET seconds = 0")
    assert behind(postgres, folder) == ["0003_slow", "0004_last"]
    assert migrate(postgres, folder) == ["0003_slow", "0004_last"]
    assert {"slow", "last"} <= set(tables(postgres))


def sleeping(conninfo):
    query = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    with psycopg.connect(conninfo) as connection:
        return connection.execute(query).fetchone() is not None
