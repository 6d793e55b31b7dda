"""The second copy: who the device is, what it last committed and gave up, beside the database."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iotistic_agent.adapters.store.database import Database
from iotistic_agent.adapters.store.sealing import Sealer
from iotistic_agent.logs import Component, log
from iotistic_contract.codec import b64u_decode, b64u_encode, canonical, parse_json
from iotistic_contract.errors import ContractFault
from iotistic_pki.files import write_atomic

__all__ = ["SecondCopy"]

_DEVICE, _RENEWAL = "SELECT * FROM device", "SELECT name, value FROM renewal ORDER BY name"
_COMMITTED = "SELECT etag, version, document FROM target_state WHERE slot = 'committed'"
_FAILED = "SELECT etag, version, document, failure FROM target_state WHERE slot = 'failed'"
_GIVEN_UP = "SELECT etag, type FROM given_up"
_IMAGES = (
    "SELECT reference, imageId FROM release_images JOIN target_state USING (etag)"
    " WHERE slot = 'committed' ORDER BY reference"
)
_MARK = (
    "SELECT slot, etag, storedAt, failure FROM target_state"
    " WHERE slot IN ('committed', 'failed') ORDER BY slot"
)


class SecondCopy:
    """One file (0600): rows as they are stored, and the device's keys, sealed; with a checksum."""

    def __init__(self, path: Path, keys: Path, sealer: Sealer) -> None:
        self._path = path
        self._keys = keys
        self._sealer = sealer
        self._written: object = None

    def follow(self, database: Database) -> None:
        """Write the file anew when what it holds has changed in ``database``.

        A disk that is full is no reason for the change itself to fail: the next one tries again.
        """
        mark = (database.row(_DEVICE), database.rows(_RENEWAL), database.rows(_MARK), self._names())
        if mark == self._written or mark[0] is None:
            return
        try:
            body = {
                "device": database.named_row(_DEVICE),
                "renewal": dict(mark[1]),
                "committed": database.named_row(_COMMITTED),
                "images": dict(database.rows(_IMAGES)),
                "failed": database.named_row(_FAILED),
                "givenUp": dict(database.rows(_GIVEN_UP)),
                "keys": {name: self._sealed(name) for name in mark[3]},
            }
            write_atomic(self._path, _with_checksum(body), 0o600)
        except OSError as exc:
            log(Component.AGENT).error("second_copy_not_written", extra={"reason": str(exc)})
        else:
            self._written = mark

    def restore(self, database: Database) -> bool:
        """Fill an empty database from the file, and give back keys that are gone.

        False when there is no file, or it is damaged too.
        """
        body = self._read()
        if body is None:
            return False
        self._restore_keys(body["keys"])
        row = dict(body["device"])
        with database.transaction():
            database.insert("device", row)
            for name, value in body["renewal"].items():
                database.insert("renewal", {"name": name, "value": value})
            _restore_targets(database, body)
        log(Component.AGENT).warning("state_restored", extra={"uuid": row["uuid"]})
        return True

    def _read(self) -> dict[str, Any] | None:
        try:
            stored = parse_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ContractFault):
            stored = None
        body = stored.get("body") if isinstance(stored, dict) else None
        if isinstance(body, dict) and stored == json.loads(_with_checksum(body)):
            return body
        log(Component.AGENT).error("second_copy_damaged", extra={"path": str(self._path)})
        return None

    def _names(self) -> list[str]:
        return sorted(path.name for path in self._keys.glob("*.key"))

    def _sealed(self, name: str) -> str:
        content = (self._keys / name).read_bytes()
        return self._sealer.seal(b64u_encode(content), name)

    def _restore_keys(self, keys: Mapping[str, str]) -> None:
        for name, sealed in keys.items():
            opened, path = self._sealer.open(sealed, name), self._keys / name
            if opened is not None and Path(name).name == name and not path.exists():
                write_atomic(path, b64u_decode(opened), 0o600)


def _restore_targets(database: Database, body: Mapping[str, Any]) -> None:
    """Fill in what was committed, and what was given up; earlier agents kept less."""
    for slot in ("committed", "failed"):
        target = body.get(slot)
        if target is not None:
            database.insert("target_state", {"slot": slot, "storedAt": database.now(), **target})
    for reference, image_id in body.get("images", {}).items():
        pin = {"etag": body["committed"]["etag"], "reference": reference, "imageId": image_id}
        database.insert("release_images", pin)
    for etag, type_ in body.get("givenUp", {}).items():
        database.insert("given_up", {"etag": etag, "type": type_})


def _with_checksum(body: Mapping[str, Any]) -> bytes:
    digest = hashlib.sha256(canonical(body)).hexdigest()
    return json.dumps({"body": body, "sha256": digest}).encode()
