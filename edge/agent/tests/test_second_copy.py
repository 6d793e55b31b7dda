"""A damaged database begins anew from the second copy; secrets are sealed in both."""

import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.agent.tests.test_store import NOW, TARGET, UUID, registration
from iotistic_agent.adapters.keys import device_keys
from iotistic_agent.adapters.store import Store
from iotistic_agent.adapters.store.copy import _with_checksum
from iotistic_agent.adapters.store.sealing import Sealer
from iotistic_pki.files import write_atomic
from iotistic_pki.keys import public_der

SECRET = "dk1.a." + "S" * 43
PENDING = "dk1.a." + "P" * 43
HELD = replace(
    registration(),
    api_key=SECRET,
    vpn={"key": "V" * 40},
    mqtt=replace(registration().mqtt, password="M" * 40),
    tls_key="tls-2.key",
    order_keys_seq=7,
    credentials_etag='"c"',
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "device.sqlite"


def opened(path: Path) -> Store:
    return Store.open(path, lambda: NOW)


@pytest.fixture
def filled(path: Path) -> Path:
    """The database of a device with everything that has a second copy."""
    store = opened(path)
    store.identity.uuid(UUID, str)
    device_keys(path.with_name("keys")).tls("tls-2.key")
    store.identity.register(HELD)
    store.targets.keep(TARGET)
    store.targets.commit(TARGET.etag, {})
    store.targets.keep(replace(TARGET, etag='"2-b"', version=2))
    store.renewals.keep_pending_key(PENDING, announced=True)
    store.renewals.keep_candidate('"n"', {"vpn": {"key": "N" * 40}}, NOW)
    store.close()
    return path


def damage(path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(b"SQLite format 3\0" + b"damaged." * 1000)


@pytest.mark.parametrize("how", [damage, Path.unlink, lambda path: path.write_bytes(b"")])
def test_who_it_is_and_what_it_committed_come_back(filled, how):
    how(filled)
    store = opened(filled)
    assert store.identity.uuid(None, lambda: "another") == UUID
    assert store.identity.registration() == HELD
    assert store.renewals.pending_key().api_key == PENDING
    assert store.targets.wanted() == TARGET, "the last that was committed"
    assert store.sync.etag() is None, "the next poll asks for the whole target"
    assert store.identity.since("api_key") == NOW
    store.close()
    again = opened(filled)
    assert again.identity.registration() == HELD
    again.close()


def test_the_copy_follows_each_change(filled):
    store = opened(filled)
    newer = replace(HELD, api_key=PENDING)
    store.identity.renew_key(newer, NOW)
    store.targets.commit('"2-b"', {})
    store.close()
    damage(filled)
    store = opened(filled)
    assert store.identity.registration() == newer
    assert store.renewals.pending_key() is None
    assert store.targets.wanted().version == 2
    store.close()


def test_images_and_what_was_given_up_come_back(filled):
    store = opened(filled)
    store.targets.commit('"2-b"', {"app:1": "sha256:a"})
    store.targets.keep(replace(TARGET, etag='"3-c"', version=3))
    store.targets.give_up('"3-c"', "health", "it is unwell")
    failed = store.targets.slot("failed")
    store.close()
    damage(filled)
    store = opened(filled)
    assert store.targets.images('"2-b"') == {"app:1": "sha256:a"}, "its tags may have moved"
    assert store.targets.slot("failed") == failed
    assert failed.was_given_up
    assert store.targets.is_known('"3-c"'), "it isn't tried again"
    store.close()


def test_a_copy_of_an_earlier_agent_is_used_as_far_as_it_goes(filled):
    copy = filled.with_name("device.copy")
    body = json.loads(copy.read_bytes())["body"]
    for name in ("images", "failed", "givenUp"):
        del body[name]
    copy.write_bytes(_with_checksum(body))
    damage(filled)
    store = opened(filled)
    assert store.targets.wanted() == TARGET
    store.close()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace(b"r1", b"r2"),
        lambda _: b"{}",
        lambda _: b"[1]",
        lambda _: b"\xff",
    ],
)
def test_a_copy_that_is_damaged_too_is_not_used(filled, spoil):
    copy = filled.with_name("device.copy")
    copy.write_bytes(spoil(copy.read_bytes()))
    damage(filled)
    store = opened(filled)
    assert store.rebuilt
    assert store.identity.registration() is None
    assert store.targets.wanted() is None
    store.close()


def test_keys_that_are_gone_come_back_with_the_database(filled):
    folder = filled.with_name("keys")
    before = device_keys(folder)
    for key in folder.glob("*.key"):
        key.unlink()
    damage(filled)
    opened(filled).close()
    after = device_keys(folder)
    assert public_der(after.signing) == public_der(before.signing)
    assert after.sealing == before.sealing
    assert (folder / "tls-2.key").exists()
    assert all(each.stat().st_mode & 0o077 == 0 for each in folder.iterdir())


def test_secrets_are_in_no_file_in_clear(filled):
    key = filled.with_name("keys") / "device.key"
    parts = [SECRET[6:], PENDING[6:], "V" * 40, "M" * 40, "N" * 40, key.read_text().splitlines()[1]]
    files = [each for each in filled.parent.iterdir() if each.is_file()]
    assert {"device.sqlite", "device.copy"} <= {each.name for each in files}
    for file in files:
        assert file.stat().st_mode & 0o077 == 0, file
        for part in parts:
            assert part.encode() not in file.read_bytes(), file


def test_a_stored_targets_secrets_stay_as_they_came(path):
    sealed = {"ephemeralPublicKey": "E", "nonce": "N", "ciphertext": "C", "hmac": "H"}
    service = {"serviceId": "s", "config": {"secrets": {"PASSWORD": sealed}}}
    document = {"version": 1, "apps": {"a": {"services": [service]}}}
    store = opened(path)
    store.identity.uuid(UUID, str)
    store.targets.keep(replace(TARGET, document=document))
    store.targets.commit(TARGET.etag, {})
    store.close()
    database = sqlite3.connect(path)
    (text,) = database.execute("SELECT document FROM target_state").fetchone()
    database.close()
    assert json.loads(text) == document
    copy = json.loads(path.with_name("device.copy").read_bytes())
    assert json.loads(copy["body"]["committed"]["document"]) == document


def test_what_an_earlier_agent_kept_in_clear_is_sealed_at_the_next_start(filled):
    database = sqlite3.connect(filled, isolation_level=None)
    mqtt = json.loads(database.execute("SELECT mqttBrokerConfig FROM device").fetchone()[0])
    mqtt["password"] = "M" * 40
    database.execute(
        "UPDATE device SET deviceApiKey = ?, mqttBrokerConfig = ?", (SECRET, json.dumps(mqtt))
    )
    database.execute("DROP TABLE renewal")
    database.execute("DROP TABLE credentials")
    database.close()
    store = opened(filled)
    assert store.identity.registration() == replace(
        HELD, vpn=None, tls_key="tls.key", order_keys_seq=0, credentials_etag=None
    )
    stored = store._database.row("SELECT deviceApiKey, mqttBrokerConfig FROM device")
    assert not any(SECRET in text or "M" * 40 in text for text in stored)
    store.close()


def test_without_its_key_a_sealed_registration_is_none(filled):
    write_atomic(filled.with_name("keys") / "state-key", b"k" * 32, 0o600)
    store = opened(filled)
    assert store.identity.registration() is None
    assert store.identity.uuid(None, str) == UUID
    store.close()


def test_a_copy_that_cannot_be_written_stops_nothing(filled, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    store = opened(filled)
    with monkeypatch.context() as patch:
        patch.setattr("iotistic_agent.adapters.store.copy.write_atomic", full)
        store.targets.commit('"2-b"', {})
    assert store.targets.slot("committed").version == 2
    store.targets.keep(replace(TARGET, etag='"3-c"', version=3))
    store.close()
    damage(filled)
    store = opened(filled)
    assert store.targets.wanted().version == 2, "written with the next change"
    store.close()


def test_sealed_texts_open_under_their_own_name_alone(tmp_path):
    sealer = Sealer(tmp_path / "keys" / "state-key")
    sealed = sealer.seal("text", "one")
    assert sealer.open(sealed, "one") == "text"
    assert sealer.open(sealed, "two") is None
    assert sealer.open(sealed[:-2], "one") is None
    assert sealer.open("in clear", "one") == "in clear"
    assert Sealer(tmp_path / "keys" / "state-key").open(sealed, "one") == "text"
    assert sealer.seal("text", "one") != sealed


def test_times_come_back(filled):
    at = datetime(2026, 3, 4, 5, 6, 7, 8000, tzinfo=UTC)
    store = opened(filled)
    store.renewals.drop_certificate(at)
    store.renewals.asked_for_credentials(at)
    assert store.renewals.time("certificate_refused_at") == at
    assert store.renewals.time("credentials_asked_at") == at
    store.close()
