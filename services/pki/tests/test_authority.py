"""CAs in folders: made whole or not at all, safe over processes and kills."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from iotistic_pki import ca, creation
from iotistic_pki.errors import (
    AuthorityExists,
    AuthorityMissing,
    KeyRefused,
    PkiFault,
    RequestRefused,
    SerialUnknown,
)
from iotistic_pki.index import Entry, Index
from iotistic_pki.keys import new_key, read_private, spki_sha256
from iotistic_pki.requests import make_request

UUID = "6a1c1c53-27a7-4b4a-9a4f-04a1e9c5b3f2"
TENANT = ca.Tenant(
    customer_id="cust_" + "d4" * 16, base_domain="example.test", addresses=("127.77.3.20",)
)


@pytest.fixture
def tenant(site, tmp_path):
    with ca.create_tenant(tmp_path / "ca", site.platform, TENANT) as authority:
        yield authority


def test_a_folder_holds_what_programs_expect(tenant):
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tenant.folder.iterdir()}

    assert modes.pop("ca.key") == 0o600
    assert {name for name in modes if not name.startswith("index.sqlite-")} == {
        "ca.pem",
        "chain.pem",
        "crl.lock",
        "crl.pem",
        "index.sqlite",
        "tenant-ca.pem",
    }
    assert modes["index.sqlite"] == 0o600
    assert stat.S_IMODE(tenant.folder.stat().st_mode) == 0o700
    assert [path.name for path in tenant.folder.parent.iterdir()] == ["ca"]


def test_both_issuers_know_the_two_forms(site, tenant):
    signed, alone = (
        site.platform.index.find(ca.serial_text(tenant.certificate)),
        tenant.index.find(ca.serial_text(tenant.anchor)),
    )

    assert (signed.profile, alone.profile) == ("authority", "authority")
    assert spki_sha256(tenant.certificate.public_key()) == spki_sha256(tenant.key)


def test_a_second_load_is_the_same_authority(tenant):
    with ca.load(tenant.folder) as again:
        assert again.certificate == tenant.certificate
        assert again.anchor == tenant.anchor
        assert again.chain == tenant.chain
        assert again.scope == TENANT.scope


def test_an_authority_is_never_overwritten(site, tenant):
    before = (tenant.folder / "ca.key").read_bytes()

    with pytest.raises(AuthorityExists):
        ca.create_tenant(tenant.folder, site.platform, TENANT)

    assert (tenant.folder / "ca.key").read_bytes() == before


def test_a_failure_leaves_nothing_behind(site, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(creation, "write_private", full)
    with pytest.raises(PkiFault, match="No space left"):
        ca.create_tenant(tmp_path / "ca", site.platform, TENANT)

    assert list(tmp_path.iterdir()) == []


def test_a_roots_key_can_be_encrypted(tmp_path):
    folder = tmp_path / "root"
    ca.create_root(folder, "Test", passphrase=b"correct horse").close()

    assert b"ENCRYPTED" in (folder / "ca.key").read_bytes()
    for passphrase in (None, b"wrong"):
        with pytest.raises(KeyRefused, match="wrong passphrase"):
            ca.load(folder, passphrase)
    ca.load(folder, b"correct horse").close()


@pytest.mark.parametrize("missing", ["ca.pem", "ca.key", "chain.pem"])
def test_a_folder_that_isnt_a_ca_is_one_clear_line(tenant, missing):
    (tenant.folder / missing).unlink()

    with pytest.raises((AuthorityMissing, KeyRefused), match=missing):
        ca.load(tenant.folder)


def test_a_key_of_another_ca_is_noticed(site, tenant):
    (tenant.folder / "ca.key").write_bytes((site.other.folder / "ca.key").read_bytes())

    with pytest.raises(AuthorityMissing, match="don't belong together"):
        ca.load(tenant.folder)


def test_lifetimes_nest(site, tenant):
    leaf = tenant.issue(new_key("ed25519").public_key(), ca.client(UUID))
    ends = [
        authority.certificate.not_valid_after_utc
        for authority in (site.root, site.platform, tenant)
    ]
    now = datetime.now(UTC)

    assert ends == sorted(ends, reverse=True)
    assert ends[2] > now + timedelta(days=3650)
    assert timedelta(days=396) < leaf.not_valid_after_utc - now <= timedelta(days=397)
    assert leaf.not_valid_before_utc >= tenant.certificate.not_valid_before_utc


def test_a_leaf_never_outlives_its_ca(site, tmp_path):
    def late():
        return datetime.now(UTC) + timedelta(days=365 * 12 - 30)

    with ca.create_tenant(tmp_path / "ca", site.platform, TENANT) as made:
        end = made.certificate.not_valid_after_utc
    with ca.load(tmp_path / "ca", clock=late) as authority:
        leaf = authority.issue(new_key("ed25519").public_key(), ca.client(UUID))

    assert leaf.not_valid_after_utc == end


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


@pytest.mark.parametrize(
    ("request_", "refused"),
    [
        (b"", RequestRefused),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", None),
        ("\ud800", None),
    ],
)
def test_requests_that_cant_be_read(tenant, request_, refused):
    with pytest.raises(refused or RequestRefused):
        tenant.issue(request_, ca.client(UUID))


def test_a_request_must_be_signed_by_its_key(tenant):
    der = bytearray(
        x509.load_pem_x509_csr(make_request(new_key("ed25519"))).public_bytes(Encoding.DER)
    )
    der[-1] ^= 1
    stolen = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM)

    with pytest.raises(RequestRefused, match="own key"):
        tenant.issue(stolen, ca.client(UUID))


def test_subject_and_extensions_of_a_request_are_ignored(tenant):
    key = new_key("p256")
    wish = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "admin")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("evil.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    leaf = tenant.issue(wish.public_bytes(Encoding.PEM), ca.client(UUID))

    basic = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not basic.ca
    assert b"evil.test" not in leaf.public_bytes(Encoding.DER)
    assert leaf.subject.rfc4514_string() == f"CN={UUID}"


@pytest.mark.parametrize(
    "make",
    [
        lambda: ca.client(UUID.upper()),
        lambda: ca.client("tenant-api"),
        lambda: ca.client(f"{UUID}\n"),
        lambda: ca.service(UUID),
        lambda: ca.service("Tenant API"),
        lambda: ca.service("a.b"),
        ca.server,
        lambda: ca.server(("*.example.test",)),
        lambda: ca.server(("Example.test",)),
        lambda: ca.server(("example.test.",)),
        lambda: ca.server(("a..b",)),
        lambda: ca.server((), ("127.0.0.1/8",)),
        lambda: ca.server((), ("fe80::1%eth0",)),
        lambda: ca.Tenant(customer_id=TENANT.customer_id, base_domain=".test").scope,
        lambda: ca.server(("a.test",), (), "a.test"),
        lambda: ca.server(("a.test",), (), ""),
    ],
)
def test_names_that_no_certificate_gets(make):
    with pytest.raises(PkiFault):
        make()


def test_a_crl_counts_up_and_keeps_everything(tenant):
    key = new_key("ed25519").public_key()
    leaves = [tenant.issue(key, ca.client(UUID)) for _ in range(3)]
    numbers = [crl_number(tenant)]
    for leaf in leaves:
        tenant.revoke(ca.serial_text(leaf), "superseded")
        numbers.append(crl_number(tenant))
    tenant.revoke(ca.serial_text(leaves[0]).upper(), "key_compromise")
    crl = loaded_crl(tenant)
    first = crl.get_revoked_certificate_by_serial_number(leaves[0].serial_number)

    assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert {line.serial_number for line in crl} == {leaf.serial_number for leaf in leaves}
    assert first.extensions.get_extension_for_class(x509.CRLReason).value.reason.value == (
        "superseded"
    )
    assert crl.next_update_utc - crl.last_update_utc == timedelta(days=7)
    assert crl.is_signature_valid(tenant.certificate.public_key())


@pytest.mark.parametrize("serial", ["", "00", "f" * 32, "' OR 1=1", "g"])
def test_an_unknown_serial_cant_be_revoked(tenant, serial):
    with pytest.raises(SerialUnknown):
        tenant.revoke(serial)


def test_an_unknown_reason_is_refused_before_anything_changes(tenant):
    leaf = tenant.issue(new_key("ed25519").public_key(), ca.client(UUID))

    with pytest.raises(PkiFault, match="no such reason"):
        tenant.revoke(ca.serial_text(leaf), "because")

    assert tenant.index.find(ca.serial_text(leaf)).revoked_at is None


def test_a_number_is_never_given_twice_even_when_signing_fails(tenant, monkeypatch):
    before = crl_number(tenant)
    with monkeypatch.context() as broken:
        broken.setattr("iotistic_pki.authority.write_atomic", failing)
        with pytest.raises(OSError, match="disk"):
            tenant.write_crl()

    tenant.write_crl()

    assert crl_number(tenant) == before + 2


def failing(*_):
    raise OSError("disk full")


def loaded_crl(authority):
    return x509.load_pem_x509_crl((authority.folder / "crl.pem").read_bytes())


def crl_number(authority):
    extension = loaded_crl(authority).extensions.get_extension_for_class(x509.CRLNumber)
    return extension.value.crl_number


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
    index = Index(tmp_path / "index.sqlite")
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


def test_private_keys_of_no_known_kind_are_one_clear_line(tmp_path):
    path = tmp_path / "ca.key"
    path.write_text("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n")

    with pytest.raises(KeyRefused) as refused:
        read_private(path)

    assert "nonsense" not in str(refused.value)
    assert str(path) in str(refused.value)
