"""``device.sqlite``: everything that must survive a power cut."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from iotistic_agent.faults import StoreFault
from iotistic_agent.registration import Registration
from iotistic_contract.codec import decode, encode, format_time
from iotistic_contract.provisioning import MqttAccess
from iotistic_pki.files import sync_folder

__all__ = ["MAX_SET_ASIDE", "Store", "StoredTarget"]

MAX_SET_ASIDE = 100
_MODE = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTarget:
    """A target as it came; ``failure`` says why it can't be applied at all."""

    etag: str
    version: int
    document: Mapping[str, Any]
    failure: str | None = None


class Store:
    """One open database; one thread uses it."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], datetime]) -> None:
        self._database = connection
        self._now = now

    @classmethod
    def open(cls, path: Path, now: Callable[[], datetime]) -> Self:
        """Open, or make, the database at ``path``, mode 0600; StoreFault when that can't be.

        A damaged one is set aside as ``<name>.damaged`` and a new one begun.
        """
        try:
            path.touch(mode=_MODE)
            path.chmod(_MODE)
            connection = _opened(path)
            if connection is None:
                _set_aside(path)
                path.touch(mode=_MODE)
                connection = _opened(path)
        except (OSError, sqlite3.Error) as exc:
            raise StoreFault(f"can't keep state in {path}: {exc}") from None
        if connection is None:
            raise StoreFault(f"can't keep state in {path}")
        return cls(connection, now)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def uuid(self, wanted: str | None, new_uuid: Callable[[], str]) -> str:
        """Return the device's uuid: the stored one, else ``wanted``, else a new one.

        StoreFault when the stored one isn't ``wanted``: a device never changes who it is.
        """
        row = self._database.execute("SELECT uuid FROM device").fetchone()
        if row is None:
            row = (wanted or new_uuid(),)
            self._database.execute("INSERT INTO device (id, uuid) VALUES (1, ?)", row)
        if wanted is not None and row[0] != wanted:
            raise StoreFault(f"this state is of device {row[0]}, not of DEVICE_UUID {wanted}")
        return str(row[0])

    def registration(self) -> Registration | None:
        """Return what the device registered as, None before."""
        row = self._database.execute(
            "SELECT uuid, registration, customerId, deviceApiKey, provisioningKeyId, apiEndpoint,"
            " apiTlsConfig, targetStateUrl, mqttBrokerConfig, orderPublicKeys"
            " FROM device WHERE registration IS NOT NULL"
        ).fetchone()
        if row is None:
            return None
        return Registration(
            uuid=row[0],
            registration=row[1],
            customer_id=row[2],
            api_key=row[3],
            key_id=row[4],
            endpoint=row[5],
            ca_cert=json.loads(row[6]).get("caCert"),
            target_state_url=row[7],
            mqtt=decode(MqttAccess, json.loads(row[8]), unknown="keep"),
            order_public_keys=tuple(json.loads(row[9])),
        )

    def register(self, registration: Registration) -> None:
        """Keep a new registration; marks of reports and the poll's ETag begin anew with it."""
        with self._transaction() as database:
            database.execute(
                "UPDATE device SET registration = ?, customerId = ?, deviceApiKey = ?,"
                " provisioningKeyId = ?, apiEndpoint = ?, apiTlsConfig = ?, targetStateUrl = ?,"
                " mqttBrokerConfig = ?, orderPublicKeys = ?, registeredAt = ? WHERE id = 1",
                (
                    registration.registration,
                    registration.customer_id,
                    registration.api_key,
                    registration.key_id,
                    registration.endpoint,
                    json.dumps({"caCert": registration.ca_cert}),
                    registration.target_state_url,
                    json.dumps(encode(registration.mqtt)),
                    json.dumps(list(registration.order_public_keys)),
                    format_time(self._now()),
                ),
            )
            database.execute("DELETE FROM sync WHERE name = 'etag'")

    def target(self) -> StoredTarget | None:
        """Return the target to be applied: the candidate, else the committed one."""
        return self.slot("candidate") or self.slot("committed")

    def slot(self, slot: str) -> StoredTarget | None:
        """Return the target in ``candidate``, ``committed``, ``previous`` or ``failed``."""
        row = self._database.execute(
            "SELECT etag, version, document, failure FROM target_state WHERE slot = ?", (slot,)
        ).fetchone()
        if row is None:
            return None
        return StoredTarget(
            etag=row[0], version=row[1], document=json.loads(row[2]), failure=row[3]
        )

    def keep(self, target: StoredTarget) -> None:
        """Store a target that came, and its ETag as the one to ask with.

        It becomes the candidate; one with a failure is only remembered, and the candidate stays.
        """
        slot = "candidate" if target.failure is None else "failed"
        with self._transaction() as database:
            database.execute("DELETE FROM target_state WHERE slot = 'failed'")
            database.execute(
                "INSERT OR REPLACE INTO target_state VALUES (?, ?, ?, ?, ?, ?)",
                (
                    slot,
                    target.etag,
                    target.version,
                    json.dumps(target.document),
                    target.failure,
                    format_time(self._now()),
                ),
            )
            self._set("etag", target.etag)

    def commit(self, etag: str) -> bool:
        """Make the candidate the committed target, and that the previous one.

        False, and nothing is done, when the candidate's ETag is another one, or there is none.
        """
        with self._transaction() as database:
            found = database.execute(
                "SELECT 1 FROM target_state WHERE slot = 'candidate' AND etag = ?", (etag,)
            ).fetchone()
            if found is None:
                return False
            database.execute("DELETE FROM target_state WHERE slot = 'previous'")
            database.execute("UPDATE target_state SET slot = 'previous' WHERE slot = 'committed'")
            database.execute("UPDATE target_state SET slot = 'committed' WHERE slot = 'candidate'")
        return True

    def etag(self) -> str | None:
        """Return the ETag of the last answer that was stored."""
        return self._value("etag")

    def keep_etag(self, etag: str) -> None:
        """Store the ETag of an answer without a target (version 0)."""
        self._set("etag", etag)

    def poll_interval(self) -> int:
        """Return the last ``X-Poll-Interval-Ms``, 0 before."""
        return int(self._value("poll_interval_ms") or 0)

    def keep_poll_interval(self, milliseconds: int) -> None:
        """Store the header's interval when it is another one."""
        if milliseconds != self.poll_interval():
            self._set("poll_interval_ms", str(milliseconds))

    def next_epoch(self, lane: str, new_stream: Callable[[], str]) -> tuple[str, int]:
        """Return stream and epoch of a lane; the epoch is higher than ever before."""
        with self._transaction() as database:
            database.execute(
                "INSERT INTO streams VALUES (?, ?, 1)"
                " ON CONFLICT (lane) DO UPDATE SET epoch = epoch + 1",
                (lane, new_stream()),
            )
            row = database.execute(
                "SELECT stream, epoch FROM streams WHERE lane = ?", (lane,)
            ).fetchone()
        return str(row[0]), int(row[1])

    def set_aside(self, lane: str, body: object, status: int, answer: str) -> None:
        """Keep what the cloud refused beside its answer; the newest 100 stay."""
        with self._transaction() as database:
            database.execute(
                "INSERT INTO set_aside (lane, body, status, answer, at) VALUES (?, ?, ?, ?, ?)",
                (lane, json.dumps(body), status, answer, format_time(self._now())),
            )
            database.execute(
                "DELETE FROM set_aside WHERE id <= (SELECT max(id) FROM set_aside) - ?",
                (MAX_SET_ASIDE,),
            )

    def _value(self, name: str) -> str | None:
        row = self._database.execute("SELECT value FROM sync WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _set(self, name: str, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO sync VALUES (?, ?)", (name, value))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database
            self._database.execute("COMMIT")
        except BaseException:  # an interrupt, too: or the transaction would stay open
            if self._database.in_transaction:  # SQLite has ended it itself after a failed write
                self._database.execute("ROLLBACK")
            raise


def _set_aside(path: Path) -> None:
    """Rename a damaged database, the main file last and for good.

    Cut short anywhere, the main file is still found damaged, and no new one meets the old's log.
    """
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(path.with_name(f"{path.name}{suffix}.damaged"))
    sync_folder(path.parent)


def _opened(path: Path) -> sqlite3.Connection | None:
    """Return the database ready for use, None when its content is damaged."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if connection.execute("PRAGMA quick_check").fetchone() == ("ok",):
            connection.executescript(
                files("iotistic_agent.adapters").joinpath("schema.sql").read_text()
            )
            return connection
    except sqlite3.DatabaseError as exc:
        if isinstance(exc, sqlite3.OperationalError):
            connection.close()
            raise
    connection.close()
    return None
