"""The signed set of billing's keys and its list of revocations."""

import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from iotistic_contract.codec import b64u_decode, b64u_encode
from iotistic_pki.errors import KeyRefused, TokenRefused
from iotistic_pki.jws import sign_compact
from iotistic_pki.keys import jwk, new_key, public_pem
from iotistic_pki.tokens import (
    KeySet,
    Purpose,
    Revocations,
    VerificationKey,
    jwks,
    seed_keys,
    sign_revocations,
    signed_jwks,
    verify_revocations,
    verify_signed_jwks,
)
from iotistic_pki.verification_keys import public_from_jwk


def license_keys(*private):
    return tuple(
        VerificationKey(purpose=Purpose.LICENSE, key=each.public_key()) for each in private
    )


def refusal(check, *arguments):
    with pytest.raises(TokenRefused) as refused:
        check(*arguments)
    return refused.value.reason


@pytest.fixture
def held(rsa_keys):
    return seed_keys(public_pem(rsa_keys[0]))


@pytest.mark.parametrize("signer", [0, 1, 2])
def test_one_signature_by_a_key_that_is_held_is_enough(rsa_keys, signer):
    offered = KeySet(keys=license_keys(*rsa_keys[:3]), seq=4)
    document = signed_jwks(offered, rsa_keys[:3], 1_800_000_000)
    before = KeySet(keys=license_keys(rsa_keys[signer]), seq=3)

    assert verify_signed_jwks(before, json.loads(json.dumps(document))) == offered


def test_the_set_survives_the_disk(rsa_keys):
    service = VerificationKey(purpose=Purpose.SERVICE, key=new_key("ed25519").public_key())
    keys = KeySet(keys=(*license_keys(rsa_keys[0]), service), seq=9)

    assert KeySet.from_mapping(json.loads(json.dumps(keys.to_mapping()))) == keys
    assert [key["for"] for key in jwks(keys.keys)["keys"]] == ["license", "service"]
    assert [key["alg"] for key in jwks(keys.keys)["keys"]] == ["RS256", "EdDSA"]


def test_the_number_never_falls(rsa_keys):
    held = KeySet(keys=license_keys(rsa_keys[0]), seq=5)
    others = license_keys(*rsa_keys[:2])

    def offered(seq):
        return signed_jwks(KeySet(keys=others, seq=seq), rsa_keys[:1], 1_800_000_000)

    assert refusal(verify_signed_jwks, held, offered(4)) == "stale"
    assert verify_signed_jwks(held, offered(5)) is held
    assert verify_signed_jwks(held, offered(6)).seq == 6


def test_strangers_and_service_keys_sign_no_set(rsa_keys):
    service = new_key("ed25519")
    held = seed_keys(public_pem(rsa_keys[0]), public_pem(service))
    offered = KeySet(keys=license_keys(rsa_keys[1]), seq=2)
    for signers in ([rsa_keys[1]], [service], [service, rsa_keys[1]]):
        document = signed_jwks(offered, signers, 1_800_000_000)

        assert refusal(verify_signed_jwks, held, document) == "signature"


def changed(document, **members):
    return {**document, **members}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: [], "malformed"),
        (lambda d: None, "malformed"),
        (lambda d: changed(d, signatures=[]), "malformed"),
        (lambda d: changed(d, signatures=d["signatures"] * 9), "malformed"),
        (lambda d: changed(d, signatures=[{"protected": "x"}]), "malformed"),
        (lambda d: changed(d, signatures=[{**d["signatures"][0], "header": {}}]), "malformed"),
        (lambda d: changed(d, payload=d["payload"] + "A"), "signature"),
        (lambda d: changed(d, payload=b64u_encode(b'{"keys":[],"seq":9}')), "signature"),
    ],
)
def test_documents_that_are_refused(rsa_keys, held, change, reason):
    offered = KeySet(keys=license_keys(*rsa_keys[:2]), seq=2)
    document = signed_jwks(offered, rsa_keys[:1], 1_800_000_000)

    assert refusal(verify_signed_jwks, held, change(document)) == reason


def test_a_license_is_no_set(rsa_keys, held):
    """The same key signs both; the type tells them apart."""
    claims = {"iss": "iotistic-billing", **KeySet(keys=held.keys, seq=7).to_mapping()}
    protected, payload, signature = sign_compact("license+jwt", claims, rsa_keys[0]).split(".")
    document = {
        "payload": payload,
        "signatures": [{"protected": protected, "signature": signature}],
    }

    assert refusal(verify_signed_jwks, held, document) == "signature"


@pytest.mark.parametrize(
    "change",
    [
        {"for": "service"},
        {"for": "everything"},
        {"for": None},
        {"alg": "HS256"},
        {"kid": "other"},
        {"kty": "oct", "k": "AAAA"},
        {"d": "AAAA"},
        {"n": "AQAB"},
    ],
)
def test_a_set_with_a_key_that_contradicts_itself_is_refused_whole(rsa_keys, held, change):
    keys = KeySet(keys=license_keys(*rsa_keys[:2]), seq=2)
    document = signed_jwks(keys, rsa_keys[:1], 1_800_000_000)
    claims = json.loads(b64u_decode(document["payload"]))
    claims["keys"][1] |= change
    protected, payload, signature = sign_compact("license-keys+jwt", claims, rsa_keys[0]).split(".")
    document = {
        "payload": payload,
        "signatures": [{"protected": protected, "signature": signature}],
    }

    assert refusal(verify_signed_jwks, held, document) == "keys"


def test_short_keys_are_refused():
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    with pytest.raises(KeyRefused):
        public_from_jwk(jwk(short.public_key()))
    with pytest.raises(KeyRefused):
        public_from_jwk(jwk(ec.generate_private_key(ec.SECP256R1()).public_key()))


def test_revocations_come_back_and_never_fall_behind(rsa_keys, held, now):
    made = Revocations(
        iat=int(now.timestamp()),
        seq=7,
        next_update=now + timedelta(hours=1),
        jtis=frozenset({"a", "b"}),
    )
    token = sign_revocations(made, rsa_keys[0])

    assert verify_revocations(token, held, 7) == made
    assert refusal(verify_revocations, token, held, 8) == "stale"
    assert refusal(verify_revocations, token + "A", held, 7) == "signature"
    assert refusal(verify_revocations, sign_revocations(made, rsa_keys[1]), held, 7) == "kid"


def test_a_long_list_of_revocations_is_no_license(rsa_keys, held, now):
    jtis = frozenset(f"license-{number:08d}" for number in range(5000))
    made = Revocations(iat=1, seq=1, next_update=now, jtis=jtis)

    assert verify_revocations(sign_revocations(made, rsa_keys[0]), held, 0).jtis == jtis


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "x"}, "iss"),
        ({"seq": "7"}, "claims"),
        ({"seq": True}, "claims"),
        ({"jtis": "a"}, "claims"),
        ({"jtis": [1]}, "claims"),
        ({"nextUpdate": "soon"}, "claims"),
        ({"nextUpdate": None}, "claims"),
    ],
)
def test_lists_that_are_refused_even_when_signed(rsa_keys, held, changes, reason):
    claims = {
        "iss": "iotistic-billing",
        "iat": 1,
        "seq": 7,
        "nextUpdate": "2026-11-24T12:00:00.000Z",
        "jtis": [],
        **changes,
    }
    token = sign_compact("license-revocations+jwt", claims, rsa_keys[0])

    assert refusal(verify_revocations, token, held, 0) == reason
