"""Whole signed messages, byte by byte: built by hand once, with fixed keys, and read by ours.

Each file under ``vectors/signed`` was written by other code than the contract's, out of the words
of the specification alone. Its private keys are there for nothing else.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from iotistic_contract.codec import b64u_decode, decode, encode, parse_json, parse_time
from iotistic_contract.errors import ContractError
from iotistic_contract.license import License
from iotistic_contract.orders import Order
from iotistic_contract.provisioning import (
    CertificatesRequest,
    KeyExchangeAnswer,
    KeyExchangeRequest,
    RegisterRequest,
    RegistrationPayload,
    ReleaseRequest,
    RotateKeyRequest,
    certificates_signed_bytes,
    provision_signed_bytes,
    release_signed_bytes,
    rotate_key_signed_bytes,
    sealed_secret_aad,
    sealed_secret_salt,
    secret_hash,
)
from iotistic_pki.errors import ProvisioningRefused, TokenRefused
from iotistic_pki.keys import public_pem
from iotistic_pki.orders import OrderKeys, sign_order, verify_order
from iotistic_pki.provisioning import (
    ProvisioningKeys,
    WrappingKey,
    check_proof,
    device_public_key,
    open_payload,
    verifies,
)
from iotistic_pki.sealing import Sealed, SealedTo, open_secret
from iotistic_pki.tokens import (
    ServiceToken,
    seed_keys,
    sign_license,
    sign_service_token,
    verify_license,
    verify_service_token,
)

SIGNED = Path(__file__).parent / "vectors" / "signed"
OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
KINDS = ("ed25519", "rsa")


def vector(name: str) -> dict[str, Any]:
    document = parse_json((SIGNED / f"{name}.json").read_bytes())
    assert isinstance(document, dict)
    return document


def public_of(pem: str) -> Any:
    return load_pem_private_key(pem.encode(), None).public_key()


@pytest.mark.parametrize("kind", KINDS)
def test_the_signature_of_a_registration_covers_these_bytes(kind: str) -> None:
    message = vector(f"provision-{kind}")
    request = decode(RegisterRequest, message["registerRequest"], unknown="keep")
    asked = decode(KeyExchangeRequest, message["keyExchangeRequest"], unknown="keep")
    key = device_public_key(asked.device_public_key or "")
    sealed = request.encrypted_payload
    signed = provision_signed_bytes(
        key_id=request.key_id,
        provisioning_key_id=asked.provisioning_api_key,
        device_uuid=asked.device_uuid,
        device_public_key=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        challenge=request.challenge,
        wrapped_key=b64u_decode(sealed.wrapped_key),
        nonce=b64u_decode(sealed.nonce),
        ciphertext=b64u_decode(sealed.ciphertext),
    )
    assert signed.hex() == message["signedBytes"]
    assert verifies(key, b64u_decode(request.signature), signed)
    assert not verifies(key, b64u_decode(request.signature), signed + b"\0")


@pytest.mark.parametrize("kind", KINDS)
def test_the_payload_of_a_registration_opens_with_the_named_key(kind: str) -> None:
    message = vector(f"provision-{kind}")
    request = decode(RegisterRequest, message["registerRequest"], unknown="keep")
    api = load_pem_private_key(message["keys"]["api"].encode(), None)
    assert isinstance(api, rsa.RSAPrivateKey)
    sealed = request.encrypted_payload
    wrapping = api.decrypt(b64u_decode(sealed.wrapped_key), OAEP)
    plain = AESGCM(wrapping).decrypt(
        b64u_decode(sealed.nonce), b64u_decode(sealed.ciphertext), request.key_id.encode()
    )
    payload = decode(RegistrationPayload, parse_json(plain), unknown="keep")
    assert encode(payload) == message["payload"]


def server_keys(message: dict[str, Any]) -> ProvisioningKeys:
    api = load_pem_private_key(message["keys"]["api"].encode(), None)
    secret = b64u_decode(message["keys"]["challengeSecret"])
    return ProvisioningKeys(current=WrappingKey.of(api), secret=secret)


@pytest.mark.parametrize("kind", KINDS)
def test_our_server_takes_the_whole_registration(kind: str) -> None:
    message = vector(f"provision-{kind}")
    keys = server_keys(message)
    answer = decode(KeyExchangeAnswer, message["keyExchangeAnswer"], unknown="keep")
    assert (answer.key_id, answer.api_public_key) == (keys.current.key_id, keys.current.public_pem)
    request = decode(RegisterRequest, message["registerRequest"], unknown="keep")
    proof = check_proof(request, keys, parse_time(message["at"]))
    assert encode(open_payload(proof)) == message["payload"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "member",
    [
        ("signature",),
        ("challenge",),
        ("keyId",),
        ("encryptedPayload", "wrappedKey"),
        ("encryptedPayload", "nonce"),
        ("encryptedPayload", "ciphertext"),
    ],
    ids="/".join,
)
def test_a_registration_with_one_bit_turned_is_refused(kind: str, member: tuple[str, ...]) -> None:
    message = vector(f"provision-{kind}")
    body = message["registerRequest"]
    place = body if len(member) == 1 else body[member[0]]
    text = place[member[-1]]
    place[member[-1]] = ("B" if text[0] == "A" else "A") + text[1:]
    request = decode(RegisterRequest, body, unknown="keep")
    with pytest.raises(ProvisioningRefused):
        check_proof(request, server_keys(message), parse_time(message["at"]))


CALLS = [(kind, call) for kind in KINDS for call in vector(f"calls-{kind}")["calls"]]


@pytest.mark.parametrize(
    ("kind", "call"), CALLS, ids=[f"{kind}-{call['call']}" for kind, call in CALLS]
)
def test_signed_calls_of_a_registered_device(kind: str, call: dict[str, Any]) -> None:
    message = vector(f"calls-{kind}")
    uuid, registration = message["uuid"], message["registration"]
    if call["call"] == "rotate-key":
        rotate = decode(RotateKeyRequest, call["body"])
        new_hash = b64u_decode(rotate.new_key_hash)
        assert new_hash == secret_hash(message["newSecret"])
        signed = rotate_key_signed_bytes(uuid, registration, new_hash)
    elif call["call"] == "certificates":
        decode(CertificatesRequest, call["body"])
        der = bytes.fromhex(message["certificateRequestDer"])
        signed = certificates_signed_bytes(uuid, registration, der)
    else:
        decode(ReleaseRequest, call["body"])
        signed = release_signed_bytes(uuid, registration)
    assert signed.hex() == call["signedBytes"]
    key = public_of(message["keys"]["device"])
    assert verifies(key, b64u_decode(call["body"]["signature"]), signed)


def test_no_signature_serves_another_call() -> None:
    calls = vector("calls-ed25519")["calls"]
    key = public_of(vector("calls-ed25519")["keys"]["device"])
    taken = [
        (by["call"], over["call"])
        for by in calls
        for over in calls
        if verifies(key, b64u_decode(by["body"]["signature"]), bytes.fromhex(over["signedBytes"]))
    ]
    assert taken == [(call["call"], call["call"]) for call in calls]


def test_a_hash_of_another_length_is_never_signed() -> None:
    with pytest.raises(ContractError) as refused:
        rotate_key_signed_bytes("u", "r", bytes(31))
    assert refused.value.pointer == "/newKeyHash"


def test_a_sealed_secret_opens_for_its_device_service_and_name() -> None:
    message = vector("sealed-secret")
    device = x25519.X25519PrivateKey.from_private_bytes(
        b64u_decode(message["keys"]["deviceSealing"])
    )
    sealed = {name: b64u_decode(text) for name, text in message["sealed"].items()}
    sender = sealed["ephemeralPublicKey"]
    salt = sealed_secret_salt(sender, device.public_key().public_bytes_raw())
    aad = sealed_secret_aad(message["uuid"], message["serviceId"], message["name"])
    assert (salt.hex(), aad.hex()) == (message["salt"], message["additionalData"])
    shared = device.exchange(x25519.X25519PublicKey.from_public_bytes(sender))
    info = message["info"].encode()
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(shared)
    assert key.hex() == message["derivedKey"]
    plain = AESGCM(key).decrypt(sealed["nonce"], sealed["ciphertext"], aad)
    assert plain == b64u_decode(message["plain"])


def test_our_device_opens_the_sealed_secret() -> None:
    message = vector("sealed-secret")
    parts = {name: b64u_decode(text) for name, text in message["sealed"].items()}
    opened = open_secret(
        Sealed(
            ephemeral_public_key=parts["ephemeralPublicKey"],
            nonce=parts["nonce"],
            ciphertext=parts["ciphertext"],
        ),
        b64u_decode(message["keys"]["deviceSealing"]),
        SealedTo(uuid=message["uuid"], service_id=message["serviceId"], name=message["name"]),
    )
    assert opened == b64u_decode(message["plain"])


def test_a_license_is_signed_and_read_to_the_byte() -> None:
    message = vector("license")
    key = load_pem_private_key(message["keys"]["signer"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    license_ = License.from_claims(message["claims"])
    assert sign_license(license_, key) == message["token"]
    held = seed_keys(public_pem(key))
    now = parse_time("2026-01-15T10:30:00.000Z")
    assert verify_license(message["token"], held, license_.aud, now) == license_
    with pytest.raises(TokenRefused):
        verify_license(message["token"], held, "cust_" + "f" * 32, now)


def test_an_order_is_signed_and_read_to_the_byte() -> None:
    message = vector("order")
    key = load_pem_private_key(message["keys"]["signer"].encode(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    order = decode(Order, message["claims"], unknown="keep")
    assert sign_order(order, key) == message["token"]
    assert verify_order(message["token"], OrderKeys(keys=(message["jwk"],))) == order


def test_a_service_token_is_signed_and_read_to_the_byte() -> None:
    message = vector("service-token")
    key = load_pem_private_key(message["keys"]["signer"].encode(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    claims = message["claims"]
    token = ServiceToken(
        aud=claims["aud"],
        sub=claims["sub"],
        scope=frozenset(claims["scope"].split()),
        jti=claims["jti"],
        iat=claims["iat"],
        exp=claims["exp"],
    )
    assert sign_service_token(token, key) == message["token"]
    held = seed_keys(public_pem(public_of(vector("license")["keys"]["signer"])), public_pem(key))
    now = datetime.fromtimestamp(claims["iat"] + 599, UTC)
    assert verify_service_token(message["token"], held, claims["aud"], now) == token
