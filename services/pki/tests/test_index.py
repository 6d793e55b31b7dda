"""The index: unique serials, many writers at once, and kills."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime

from cryptography import x509

from iotistic_pki import ca
from iotistic_pki.index import Entry, Index
from iotistic_pki.keys import new_key

UUID = "6a1c1c53-27a7-4b4a-9a4f-04a1e9c5b3f2"


def test_serials_are_128_random_bits(tenant):
    key = new_key("ed25519").public_key()
    serials = [tenant.issue(key, ca.client(UUID)).serial_number for _ in range(64)]

    assert len(set(serials)) == 64
    assert max(serials) >> 120
    assert all(0 < serial < 1 << 128 for serial in serials)


def test_a_taken_serial_is_drawn_again(tenant, monkeypatch):
    drawn = iter([11, 11, 12])
    monkeypatch.setattr("iotistic_pki.authority.new_serial", lambda: next(drawn))
    key = new_key("ed25519").public_key()

    serials = [tenant.issue(key, ca.client(UUID)).serial_number for _ in range(2)]

    assert serials == [11, 12]


def test_many_writers_at_once_share_one_index(tenant):
    """Each of 16 processes issues and revokes; the index and the CRL show all of it."""
    children = []
    for _ in range(16):
        child = os.fork()
        if child == 0:
            os._exit(_issue_and_revoke(tenant.folder))
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    entries = [entry for entry in tenant.index.entries() if entry.profile == "client"]

    assert codes == [0] * 16
    assert len(entries) == 16 * 4
    assert {line.serial_number for line in loaded_crl(tenant)} == {
        int(entry.serial, 16) for entry in entries if entry.revoked_at
    }
    assert Counter(entry.revoked_at is not None for entry in entries) == {True: 16, False: 48}
    assert crl_number(tenant) == 1 + 16


def _issue_and_revoke(folder):
    try:
        with ca.load(folder) as authority:
            key = new_key("ed25519").public_key()
            leaves = [authority.issue(key, ca.client(UUID)) for _ in range(4)]
            authority.revoke(ca.serial_text(leaves[0]), "superseded")
    except BaseException:  # noqa: BLE001 -- a forked child must not run the parent's tests
        return 1
    return 0


_ISSUE_FOREVER = """
import sys
from pathlib import Path
from iotistic_pki import ca
from iotistic_pki.keys import new_key
with ca.load(Path(sys.argv[1])) as authority:
    key = new_key("ed25519").public_key()
    while True:
        leaf = authority.issue(key, ca.client("6a1c1c53-27a7-4b4a-9a4f-04a1e9c5b3f2"))
        sys.stdout.write(ca.serial_text(leaf) + "\\n")
        sys.stdout.flush()
        authority.revoke(ca.serial_text(leaf))
"""


def test_what_was_handed_out_before_a_kill_is_in_the_index(tenant):
    command = [sys.executable, "-c", _ISSUE_FOREVER, str(tenant.folder)]
    for wanted in (1, 7, 20):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            seen = [process.stdout.readline().strip() for _ in range(wanted)]
            process.send_signal(signal.SIGKILL)
            seen += process.stdout.read().split()
        known = {entry.serial for entry in tenant.index.entries()}

        assert set(seen) <= known
    with sqlite3.connect(tenant.folder / "index.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    before = crl_number(tenant)
    assert tenant.write_crl().number > before


def test_an_entry_comes_back_as_it_was(tmp_path):
    index = Index.create(tmp_path / "index.sqlite")
    entry = Entry(
        serial="0" * 31 + "a",
        common_name=UUID,
        profile="client",
        identity=UUID,
        not_after=datetime(2027, 1, 1, tzinfo=UTC),
        certificate=b"der",
    )

    assert [index.add(entry), index.add(entry)] == [True, False]
    assert index.find(entry.serial) == entry
    assert index.find("b") is None
    index.close()


def loaded_crl(authority):
    return x509.load_pem_x509_crl((authority.folder / "crl.pem").read_bytes())


def crl_number(authority):
    extension = loaded_crl(authority).extensions.get_extension_for_class(x509.CRLNumber)
    return extension.value.crl_number
