"""Registration: a device seals and signs, the server checks before it decrypts."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from iotistic_contract.codec import b64u_decode, b64u_encode, decode, encode
from iotistic_contract.provisioning import (
    KeyExchangeRequest,
    RegisterRequest,
    RegistrationPayload,
    provision_signed_bytes,
)
from iotistic_pki.challenge import Challenge, mint_challenge
from iotistic_pki.device_keys import sign, verifies
from iotistic_pki.errors import KeyRefused, ProvisioningRefused
from iotistic_pki.keys import new_key, public_der, public_from_pem, public_pem, write_private
from iotistic_pki.provisioning import (
    ProvisioningKeys,
    WrappingKey,
    answer_key_exchange,
    check_challenge,
    check_proof,
    open_payload,
    seal_registration,
)
from iotistic_pki.requests import make_request
from iotistic_pki.wrapping import OAEP

UUID, OTHER_UUID = "6a1c1c53-27a7-4b4a-9a4f-04a1e9c5b3f2", "0b9fb2dc-8f28-4c4f-9dcb-6ae1b32a4b71"
KEY_ID = "key_1"
NONCE = bytes(16)
UNREADABLE = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"


@pytest.fixture(scope="session")
def keys(rsa_keys):
    return ProvisioningKeys(current=WrappingKey.of(rsa_keys[0]), secret=b"m" * 32)


@pytest.fixture(scope="session", params=["ed25519", "rsa"])
def device_key(request, rsa_keys):
    return new_key("ed25519") if request.param == "ed25519" else rsa_keys[4]


@pytest.fixture(scope="session")
def payload():
    return RegistrationPayload(
        device_uuid=UUID,
        provisioning_api_key=f"iotp1.{KEY_ID}.{b64u_encode(b's' * 32)}",
        certificate_request=make_request(new_key("p256")).decode(),
        device_sealing_key=b64u_encode(b"x" * 32),
        challenge="AA",
        device_name="Grünes Haus",
    )


def asked(device_key, uuid=UUID, key_id=KEY_ID):
    pem = None if device_key is None else public_pem(device_key).decode()
    return KeyExchangeRequest(device_uuid=uuid, provisioning_api_key=key_id, device_public_key=pem)


@pytest.fixture
def answer(keys, device_key, now):
    return answer_key_exchange(asked(device_key), keys, now, NONCE)


@pytest.fixture
def request_(payload, answer, device_key):
    return seal_registration(payload, answer, device_key)


def refusal(check, *arguments):
    with pytest.raises(ProvisioningRefused) as refused:
        check(*arguments)
    return refused.value.status, refused.value.reason


def over_the_wire(request):
    return decode(RegisterRequest, json.loads(json.dumps(encode(request))), unknown="keep")


def test_what_a_device_sealed_comes_out(request_, answer, payload, keys, device_key, now):
    proof = check_proof(over_the_wire(request_), keys, now)

    assert open_payload(proof) == replace(payload, challenge=answer.challenge)
    assert public_der(proof.device_key) == public_der(device_key)
    assert (proof.challenge.device_uuid, proof.challenge.provisioning_key_id) == (UUID, KEY_ID)


def test_key_id_is_the_thumbprint_that_a_device_computes_itself(answer, keys):
    assert answer.key_id == WrappingKey.of(keys.current.key).key_id
    assert len(b64u_decode(answer.key_id)) == 32
    assert public_from_pem(answer.api_public_key) == keys.current.key.public_key()


def test_without_a_device_key_there_is_no_challenge(keys, now, payload, device_key):
    answer = answer_key_exchange(asked(None), keys, now, NONCE)

    assert answer.challenge is None
    with pytest.raises(KeyRefused, match="no challenge"):
        seal_registration(payload, answer, device_key)


def test_keys_that_cant_sign_are_refused_in_phase_1(keys, now, rsa_keys):
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    wrong = [new_key("p256"), ec.generate_private_key(ec.SECP384R1()), short]
    unreadable = replace(asked(rsa_keys[0]), device_public_key=UNREADABLE)

    said = [refusal(answer_key_exchange, asked(key), keys, now, NONCE) for key in wrong]

    assert said == [(422, "key_type")] * 3
    assert refusal(answer_key_exchange, unreadable, keys, now, NONCE) == (422, "invalid")


def test_a_device_seals_to_no_key_but_the_one_that_was_named(payload, answer, rsa_keys, device_key):
    swapped = replace(answer, api_public_key=public_pem(rsa_keys[1]).decode())

    with pytest.raises(KeyRefused, match="its keyId names"):
        seal_registration(payload, swapped, device_key)


def test_a_challenge_is_good_for_five_minutes(request_, keys, now):
    def after(seconds):
        return check_proof, request_, keys, now + timedelta(seconds=seconds)

    assert check_proof(request_, keys, now + timedelta(seconds=299.9))
    assert refusal(*after(300)) == (410, "challenge_expired")
    assert refusal(*after(-61)) == (410, "challenge_expired")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: "B" + text[1:], (410, "challenge_invalid")),
        (lambda text: text[:-2] + "AA", (410, "challenge_invalid")),
        (lambda text: text[:40], (410, "challenge_invalid")),
        (lambda text: "AAAA", (410, "challenge_invalid")),
        (lambda text: "", (410, "challenge_invalid")),
        (lambda text: text + "=", (422, "invalid")),
        (lambda text: text + "\n", (422, "invalid")),
        (lambda text: " " + text, (422, "invalid")),
        (lambda text: text[:-1] + "+", (422, "invalid")),
    ],
)
def test_other_spellings_of_a_challenge_are_refused(keys, now, change, said):
    bound = Challenge(
        device_uuid=UUID,
        provisioning_key_id=KEY_ID,
        device_public_key=b"der",
        at=now,
        nonce=NONCE,
    )
    text = mint_challenge(keys.secret, bound)

    assert check_challenge(keys.secret, text, now) == bound
    assert refusal(check_challenge, keys.secret, change(text), now) == said


def test_every_spelling_with_other_trailing_bits_is_refused(keys, now):
    """Else a used challenge comes back as a fresh one."""
    for length in (1, 2, 3):
        bound = Challenge(
            device_uuid=UUID,
            provisioning_key_id="k" * length,
            device_public_key=b"der",
            at=now,
            nonce=NONCE,
        )
        text = mint_challenge(keys.secret, bound)
        others = {text[:-1] + last for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij-_0123456789"}
        taken = [other for other in others - {text} if not _refused(keys, other, now)]

        assert taken == []


def _refused(keys, text, now):
    try:
        check_challenge(keys.secret, text, now)
    except ProvisioningRefused:
        return True
    return False


def test_a_challenge_of_another_tenant_is_refused(request_, keys, now):
    other = replace(keys, secret=b"n" * 32)

    assert refusal(check_proof, request_, other, now) == (410, "challenge_invalid")


def test_the_largest_device_key_fits_in_a_challenge(keys, now):
    bound = Challenge(
        device_uuid=UUID,
        provisioning_key_id="k" * 40,
        device_public_key=bytes(1062),
        at=now,
        nonce=NONCE,
    )

    assert len(mint_challenge(keys.secret, bound)) <= 2048


def flipped(text):
    octets = bytearray(b64u_decode(text))
    octets[0] ^= 1
    return b64u_encode(bytes(octets))


@pytest.mark.parametrize("name", ["wrapped_key", "nonce", "ciphertext"])
def test_the_signature_covers_everything_sealed(request_, keys, now, name):
    sealed = request_.encrypted_payload
    touched = replace(sealed, **{name: flipped(getattr(sealed, name))})
    request = replace(request_, encrypted_payload=touched)

    assert refusal(check_proof, request, keys, now) == (401, "invalid_signature")


@pytest.mark.parametrize("signature", ["AA", b64u_encode(bytes(64)), b64u_encode(bytes(256))])
def test_other_signatures_are_refused(request_, keys, now, signature):
    request = replace(request_, signature=signature)

    assert refusal(check_proof, request, keys, now) == (401, "invalid_signature")


@pytest.mark.parametrize(
    "scheme",
    [
        padding.PKCS1v15(),
        padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.MAX_LENGTH),
        padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=20),
        padding.PSS(mgf=padding.MGF1(hashes.SHA1()), salt_length=32),  # noqa: S303
    ],
)
def test_rsa_signs_with_one_scheme_only(rsa_keys, scheme):
    signature = rsa_keys[4].sign(b"message", scheme, hashes.SHA256())

    assert not verifies(rsa_keys[4].public_key(), signature, b"message")
    assert verifies(rsa_keys[4].public_key(), sign(rsa_keys[4], b"message"), b"message")


def test_another_devices_challenge_doesnt_fit(payload, keys, now, device_key):
    """A stranger who overheard a challenge can't use it: it names the key that must sign."""
    stranger = new_key("ed25519")
    overheard = answer_key_exchange(asked(device_key), keys, now, NONCE)
    request = seal_registration(payload, overheard, stranger)

    assert refusal(check_proof, request, keys, now) == (401, "invalid_signature")


class CountingKey:
    """Stands for the RSA key and counts what is asked of it."""

    def __init__(self, key):
        self.key, self.decrypted = key, 0

    def decrypt(self, *arguments):
        self.decrypted += 1
        return self.key.decrypt(*arguments)


def test_no_rsa_work_before_the_signature_is_right(request_, keys, now):
    counting = CountingKey(keys.current.key)
    watched = replace(keys, current=replace(keys.current, key=counting))
    refusal(check_proof, replace(request_, signature="AA"), watched, now)
    proof = check_proof(request_, watched, now)
    before = counting.decrypted

    open_payload(proof)

    assert (before, counting.decrypted) == (0, 1)


def sealed_as(request, keys, device_key, plain, wrapping=b"w" * 32, aad=None):
    """The request with another payload inside, signed as it should be."""
    nonce = bytes(12)
    aad = request.key_id.encode() if aad is None else aad
    parts = {
        "wrapped_key": keys.current.key.public_key().encrypt(wrapping, OAEP),
        "nonce": nonce,
        "ciphertext": AESGCM(wrapping).encrypt(nonce, plain, aad),
    }
    sealed = replace(
        request.encrypted_payload, **{name: b64u_encode(part) for name, part in parts.items()}
    )
    message = provision_signed_bytes(
        key_id=request.key_id,
        provisioning_key_id=KEY_ID,
        device_uuid=UUID,
        device_public_key=public_der(device_key),
        challenge=request.challenge,
        **parts,
    )
    return replace(
        request, encrypted_payload=sealed, signature=b64u_encode(sign(device_key, message))
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"unheardOf": {"a": [1]}}, None),
        ({"deviceUuid": OTHER_UUID}, (401, "invalid_signature")),
        ({"challenge": "AAAA"}, (401, "invalid_signature")),
        (
            {"provisioningApiKey": f"iotp1.key_2.{b64u_encode(b's' * 32)}"},
            (401, "invalid_signature"),
        ),
        ({"provisioningApiKey": "iotp1.key_1"}, (422, "invalid")),
        ({"deviceSealingKey": "AA"}, (422, "invalid")),
        ({"certificateRequest": None}, (422, "invalid")),
        ({"deviceUuid": UUID.upper()}, (422, "invalid")),
    ],
)
def test_what_is_inside_must_fit_what_is_outside(
    request_, payload, keys, device_key, now, changes, said
):
    inside = {**encode(replace(payload, challenge=request_.challenge)), **changes}
    request = sealed_as(request_, keys, device_key, json.dumps(inside).encode())
    proof = check_proof(request, keys, now)

    if said is None:
        assert open_payload(proof).device_uuid == UUID
    else:
        assert refusal(open_payload, proof) == said


def test_payloads_that_cant_be_opened(request_, keys, device_key, now):
    plain = b'{"deviceUuid": 1}'
    wrong = [
        sealed_as(request_, keys, device_key, plain, wrapping=b"w" * 16),
        sealed_as(request_, keys, device_key, plain, aad=b"another key"),
        sealed_as(request_, keys, device_key, b"\xff not JSON"),
        sealed_as(request_, keys, device_key, b"[]"),
    ]

    said = [refusal(open_payload, check_proof(request, keys, now)) for request in wrong]

    assert said == [(422, "invalid")] * 4


def test_refusals_never_show_the_provisioning_secret(request_, payload, keys, device_key, now):
    secret = payload.provisioning_api_key.split(".")[2]
    inside = {**encode(payload), "provisioningApiKey": f"iotp1.a.b.{secret}"}
    proof = check_proof(
        sealed_as(request_, keys, device_key, json.dumps(inside).encode()), keys, now
    )

    with pytest.raises(ProvisioningRefused) as refused:
        open_payload(proof)

    assert secret not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.fixture
def folder(tmp_path, rsa_keys):
    """A folder whose first key is there already: making them is slow."""
    write_private(tmp_path / "current.pem", rsa_keys[0])
    return tmp_path


def test_all_workers_share_one_key(folder, now):
    first, second = (ProvisioningKeys.ensure(folder, now) for _ in range(2))

    assert first.current.key_id == second.current.key_id
    assert first.secret == second.secret
    assert len(first.secret) == 32
    assert "secret" not in repr(first)


def test_the_last_key_is_good_for_ten_minutes_more(folder, now, payload):
    device_key = new_key("ed25519")
    before = ProvisioningKeys.ensure(folder, now)
    answer = answer_key_exchange(asked(device_key), before, now, NONCE)
    request = seal_registration(payload, answer, device_key)
    after = ProvisioningKeys.rotate(folder, now)
    late = now + timedelta(minutes=10)

    proof = check_proof(request, after, now + timedelta(minutes=4))

    assert open_payload(proof).device_uuid == UUID
    assert after.current.key_id != before.current.key_id
    for keys in (after, ProvisioningKeys.ensure(folder, late)):
        assert refusal(keys.find, before.current.key_id, late) == (410, "key_id_unknown")
    assert {path.name for path in folder.glob("*.pem")} == {"current.pem"}
