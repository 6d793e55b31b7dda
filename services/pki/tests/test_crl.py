"""Revocation lists: numbers that rise, entries that stay."""

from datetime import timedelta

import pytest
from cryptography import x509

from iotistic_pki import ca
from iotistic_pki.errors import (
    PkiFault,
    SerialUnknown,
)
from iotistic_pki.keys import new_key

UUID = "6a1c1c53-27a7-4b4a-9a4f-04a1e9c5b3f2"


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


def test_numbers_go_on_after_an_old_index_is_put_back(tenant):
    path = tenant.folder / "index.sqlite"
    tenant.close()
    copy = path.read_bytes()
    for _ in range(3):
        with ca.load(tenant.folder) as authority:
            authority.write_crl()
    path.write_bytes(copy)

    with ca.load(tenant.folder) as authority:
        assert authority.write_crl().number == 5


def test_a_damaged_crl_is_replaced(tenant):
    before = crl_number(tenant)
    (tenant.folder / "crl.pem").write_text("damaged")

    assert tenant.write_crl().number == before + 1


def failing(*_):
    raise OSError("disk full")


def loaded_crl(authority):
    return x509.load_pem_x509_crl((authority.folder / "crl.pem").read_bytes())


def crl_number(authority):
    extension = loaded_crl(authority).extensions.get_extension_for_class(x509.CRLNumber)
    return extension.value.crl_number
