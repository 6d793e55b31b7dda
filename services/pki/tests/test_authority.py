"""CAs in folders: made whole or not at all, and what they sign."""

import os
import stat
from datetime import UTC, datetime, timedelta

import pytest

from iotistic_pki import ca, creation
from iotistic_pki.errors import (
    AuthorityExists,
    AuthorityMissing,
    KeyRefused,
    PkiFault,
)
from iotistic_pki.keys import new_key, spki_sha256

UUID = "6a1c1c53-27a7-4b4a-9a4f-04a1e9c5b3f2"
TENANT = ca.Tenant(
    customer_id="cust_" + "d4" * 16, base_domain="example.test", addresses=("127.77.3.20",)
)


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


def test_what_a_killed_run_left_is_swept(site, tmp_path):
    """A run killed half-way leaves a key under the other name; the next one begins anew."""
    rest = tmp_path / ".ca.new"
    rest.mkdir()
    (rest / "ca.key").write_text("half made")

    ca.create_tenant(tmp_path / "ca", site.platform, TENANT).close()

    assert [path.name for path in tmp_path.iterdir()] == ["ca"]


def test_of_two_runs_at_once_one_makes_the_ca(site, tmp_path):
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            os._exit(_create_root(tmp_path / "root"))
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]

    assert sorted(codes) == [0, 3, 3, 3]
    ca.load(tmp_path / "root").close()


def _create_root(folder):
    try:
        ca.create_root(folder, "Test").close()
    except AuthorityExists:
        return 3
    except BaseException:  # noqa: BLE001 -- a forked child must not run the parent's tests
        return 1
    return 0


def test_a_roots_key_can_be_encrypted(tmp_path):
    folder = tmp_path / "root"
    ca.create_root(folder, "Test", passphrase=b"correct horse").close()

    assert b"ENCRYPTED" in (folder / "ca.key").read_bytes()
    for passphrase in (None, b"wrong"):
        with pytest.raises(KeyRefused, match="wrong passphrase"):
            ca.load(folder, passphrase)
    ca.load(folder, b"correct horse").close()


@pytest.mark.parametrize("missing", ["ca.pem", "ca.key", "chain.pem", "index.sqlite"])
def test_a_folder_that_isnt_a_ca_is_one_clear_line(tenant, missing):
    (tenant.folder / missing).unlink()

    with pytest.raises((AuthorityMissing, KeyRefused), match=missing):
        ca.load(tenant.folder)


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_a_damaged_index_is_never_begun_anew(tenant, content):
    """A fresh one would forget what was revoked."""
    tenant.close()
    (tenant.folder / "index.sqlite").write_bytes(content)

    with pytest.raises(AuthorityMissing, match=r"can't read .*index\.sqlite"):
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


@pytest.mark.parametrize("days", [-400, 365 * 13])
def test_a_ca_outside_its_time_signs_nothing(tenant, days):
    with (
        ca.load(tenant.folder, clock=lambda: datetime.now(UTC) + timedelta(days=days)) as other,
        pytest.raises(AuthorityMissing, match="is good from"),
    ):
        other.issue(new_key("ed25519").public_key(), ca.client(UUID))


@pytest.mark.parametrize("days", [-1, 0, 398])
def test_a_leaf_lives_397_days_at_most(tenant, days):
    with pytest.raises(PkiFault, match="1 to 397 days"):
        tenant.issue(new_key("ed25519").public_key(), ca.client(UUID), days=days)
