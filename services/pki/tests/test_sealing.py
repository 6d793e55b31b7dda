"""Secrets on their way to one device, and at rest."""

from dataclasses import replace

import pytest

from iotistic_pki.data_key import DataKey
from iotistic_pki.errors import KeyRefused, SealBroken
from iotistic_pki.sealing import SealedTo, new_sealing_key, open_secret, seal_secret, sealing_public

TO = SealedTo(uuid="6a1c1c53-27a7-4b4a-9a4f-04a1e9c5b3f2", service_id="12", name="TOKEN")


def test_a_secret_opens_on_its_device_only():
    private, other = new_sealing_key(), new_sealing_key()
    sealed = seal_secret(b"hunter2", sealing_public(private), TO)

    assert open_secret(sealed, private, TO) == b"hunter2"
    with pytest.raises(SealBroken):
        open_secret(sealed, other, TO)


@pytest.mark.parametrize(
    "change",
    [
        {"uuid": "0b9fb2dc-8f28-4c4f-9dcb-6ae1b32a4b71"},
        {"service_id": "1"},
        {"name": "2TOKEN", "service_id": "1"},
        {"name": "OTHER"},
    ],
)
def test_a_secret_moves_to_no_other_place(change):
    private = new_sealing_key()
    sealed = seal_secret(b"hunter2", sealing_public(private), TO)

    with pytest.raises(SealBroken):
        open_secret(sealed, private, replace(TO, **change))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ciphertext", b""),
        ("ciphertext", bytes(40)),
        ("nonce", b""),
        ("nonce", bytes(12)),
        ("ephemeral_public_key", bytes(32)),
        ("ephemeral_public_key", b"short"),
    ],
)
def test_touched_parts_dont_open(name, value):
    private = new_sealing_key()
    sealed = seal_secret(b"hunter2", sealing_public(private), TO)

    with pytest.raises(SealBroken):
        open_secret(replace(sealed, **{name: value}), private, TO)


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(32)])
def test_nothing_is_sealed_to_a_key_that_is_none(key):
    """32 zero bytes are a point of low order: the shared secret would be known to all."""
    with pytest.raises(SealBroken):
        seal_secret(b"hunter2", key, TO)


def test_two_seals_of_one_secret_differ():
    public = sealing_public(new_sealing_key())

    assert len({seal_secret(b"hunter2", public, TO).ciphertext for _ in range(8)}) == 8


def test_the_data_key_keeps_secrets_in_their_place():
    key = DataKey(b"k" * 32)
    stored = key.encrypt(b"hunter2", b"device/service/NAME")

    assert key.decrypt(stored, b"device/service/NAME") == b"hunter2"
    assert b"hunter2" not in stored
    for other, context, text in (
        (DataKey(b"l" * 32), b"device/service/NAME", stored),
        (key, b"device/service/OTHER", stored),
        (key, b"device/service/NAME", stored[:-1]),
        (key, b"device/service/NAME", b""),
    ):
        with pytest.raises(SealBroken):
            other.decrypt(text, context)


def test_digests_compare_secrets_without_showing_them():
    key = DataKey(b"k" * 32)

    assert key.digest(b"a", b"x") == key.digest(b"a", b"x")
    digests = [
        key.digest(b"a", b"x"),
        key.digest(b"b", b"x"),
        key.digest(b"a", b"y"),
        key.digest(b"xa", b""),
        DataKey(b"l" * 32).digest(b"a", b"x"),
    ]
    assert len(set(digests)) == 5


def test_a_data_key_is_32_bytes():
    with pytest.raises(KeyRefused):
        DataKey(b"password")
