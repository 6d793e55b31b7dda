"""Messages of both phases come back whole; what is refused where is in the vectors."""

import copy
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotistic_contract.codec import b64u_encode, decode, encode
from iotistic_contract.errors import ContractError
from iotistic_contract.provisioning import (
    TOPIC_NAMES,
    CertificatesAnswer,
    CertificatesRequest,
    Credentials,
    KeyExchangeAnswer,
    KeyExchangeRequest,
    RegisterAnswer,
    RegisterRequest,
    RegistrationPayload,
    ReleaseRequest,
    RotateKeyRequest,
    missing_proof,
)

UUID = "7f5cdf5a-3a5e-4c5b-9f0e-0c5d5b1f2a3b"
CUSTOMER = "cust_0123456789abcdef0123456789abcdef"
SECRET = b64u_encode(bytes(32))
PUBLIC = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
REQUEST = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"
SIGNATURE = b64u_encode(bytes(64))
CHALLENGE = b64u_encode(bytes(120))

KEY_EXCHANGE = {"deviceUuid": UUID, "provisioningApiKey": "pk-1", "devicePublicKey": PUBLIC}
KEY_ANSWER = {"apiPublicKey": PUBLIC, "keyId": SECRET, "challenge": CHALLENGE}
REGISTER = {
    "keyId": SECRET,
    "challenge": CHALLENGE,
    "encryptedPayload": {
        "wrappedKey": b64u_encode(bytes(384)),
        "nonce": b64u_encode(bytes(12)),
        "ciphertext": b64u_encode(bytes(17)),
    },
    "signature": SIGNATURE,
}
PAYLOAD = {
    "deviceUuid": UUID,
    "provisioningApiKey": f"iotp1.pk-1.{SECRET}",
    "certificateRequest": REQUEST,
    "deviceSealingKey": SECRET,
    "challenge": CHALLENGE,
    "deviceName": "pump 3",
    "macAddress": "b8:27:eb:00:00:01",
}
BROKER = {
    "protocol": "mqtts",
    "host": "127.77.0.16",
    "port": 8883,
    "useTls": True,
    "caCert": CERTIFICATE,
    "verifyCertificate": True,
    "keepAlive": 60,
    "clientIdPrefix": "",
    "cleanSession": False,
    "reconnectPeriod": 5000,
}
ANSWER = {
    "registration": "reg-1",
    "customerId": CUSTOMER,
    "mqtt": {
        "brokerConfig": BROKER,
        "username": UUID,
        "clientCertificate": CERTIFICATE,
        "topics": {name: f"iot/device/{UUID}/{name}" for name in TOPIC_NAMES},
    },
    "deviceApiKey": f"dk1.d-1.{SECRET}",
    "api": {"endpoint": "https://127.77.0.16:3002", "tlsConfig": {"caCert": CERTIFICATE}},
    "vpn": None,
    "orderPublicKeys": [{"kty": "OKP", "crv": "Ed25519", "x": SECRET, "kid": SECRET}],
    "targetStateUrl": f"https://127.77.0.16:3002/api/v1/device/{UUID}/state",
}
CREDENTIALS = {
    "schema": 1,
    "customerId": CUSTOMER,
    "registration": "reg-1",
    "caBundle": CERTIFICATE * 2,
    "brokerConfig": BROKER,
    "vpn": None,
    "orderPublicKeys": [],
}

WHOLE: list[tuple[type, Mapping[str, Any]]] = [
    (KeyExchangeRequest, KEY_EXCHANGE),
    (KeyExchangeAnswer, KEY_ANSWER),
    (RegisterRequest, REGISTER),
    (RegistrationPayload, PAYLOAD),
    (RegisterAnswer, ANSWER),
    (Credentials, CREDENTIALS),
    (RotateKeyRequest, {"newKeyHash": SECRET, "signature": SIGNATURE}),
    (CertificatesRequest, {"certificateRequest": REQUEST, "signature": SIGNATURE}),
    (CertificatesAnswer, {"clientCertificate": CERTIFICATE}),
    (ReleaseRequest, {"signature": SIGNATURE}),
]


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None and v != []}
    return value


@pytest.mark.parametrize(("kind", "document"), WHOLE, ids=[kind.__name__ for kind, _ in WHOLE])
def test_a_message_comes_back_whole_with_what_is_unknown(
    kind: type, document: Mapping[str, Any]
) -> None:
    newer = {**document, "memberOfTomorrow": {"a": [1]}}
    value: Any = decode(kind, newer, unknown="keep")
    assert value.extra == {"memberOfTomorrow": {"a": [1]}}
    assert without_nulls(encode(value)) == without_nulls(newer)


def changed(document: Mapping[str, Any], pointer: str, value: object) -> dict[str, Any]:
    copied: dict[str, Any] = copy.deepcopy(dict(document))
    *parents, last = pointer.strip("/").split("/")
    place = copied
    for parent in parents:
        place = place[parent]
    place[last] = value
    return copied


@pytest.mark.parametrize(
    "key", [f"iotp1.pk-1.{SECRET}.{SECRET}", f"dk1.pk-1.{SECRET}", f"iotp1.pk 1.{SECRET}"]
)
def test_a_refusal_never_quotes_a_key(key: str) -> None:
    requests: tuple[tuple[type, Mapping[str, Any]], ...] = (
        (KeyExchangeRequest, KEY_EXCHANGE),
        (RegistrationPayload, PAYLOAD),
    )
    for kind, document in requests:
        with pytest.raises(ContractError) as refused:
            decode(kind, {**document, "provisioningApiKey": key}, unknown="keep")
        assert refused.value.pointer == "/provisioningApiKey"
        assert SECRET not in str(refused.value)


def test_a_password_stands_in_for_a_certificate() -> None:
    mqtt = {**ANSWER["mqtt"], "clientCertificate": None, "password": "p"}  # type: ignore[dict-item]
    prefixed = changed({**ANSWER, "mqtt": mqtt}, "/mqtt/brokerConfig/clientIdPrefix", "iot-")
    answer = decode(RegisterAnswer, prefixed, unknown="keep")
    assert answer.mqtt.password == "p"
    assert "'p'" not in repr(answer)


def test_plain_mqtt_needs_no_ca() -> None:
    broker = {**BROKER, "protocol": "mqtt", "useTls": False, "caCert": None}
    plain = {**CREDENTIALS, "brokerConfig": broker}
    assert decode(Credentials, plain, unknown="keep").broker_config.use_tls is False


@pytest.mark.parametrize(
    ("pointer", "value", "missing"),
    [
        ("/keyId", None, ("/keyId",)),
        ("/challenge", "", ("/challenge",)),
        ("/signature", None, ("/signature",)),
        ("/encryptedPayload", None, ("/encryptedPayload",)),
        ("/encryptedPayload", {}, ("/encryptedPayload",)),
        ("/encryptedPayload/nonce", "", ("/encryptedPayload/nonce",)),
        ("/encryptedPayload/wrappedKey", None, ("/encryptedPayload/wrappedKey",)),
        ("/encryptedPayload/ciphertext", None, ("/encryptedPayload/ciphertext",)),
        ("/signature", 5, ()),
    ],
)
def test_a_missing_proof_is_told_apart_from_a_broken_one(
    pointer: str, value: object, missing: tuple[str, ...]
) -> None:
    assert missing_proof(changed(REGISTER, pointer, value)) == missing


def test_an_empty_body_lacks_every_proof() -> None:
    assert missing_proof({}) == ("/keyId", "/challenge", "/signature", "/encryptedPayload")
    assert missing_proof(REGISTER) == ()


leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
)
anything = st.recursive(leaves, lambda inner: st.lists(inner, max_size=2), max_leaves=3)


@given(st.sampled_from(WHOLE), st.data())
def test_any_member_of_any_message_may_be_anything(
    message: tuple[type, Mapping[str, Any]], data: st.DataObject
) -> None:
    kind, document = message
    places = [f"/{name}" for name in document]
    for name, inner in document.items():
        places += [f"/{name}/{key}" for key in inner] if isinstance(inner, dict) else []
    hostile = changed(document, data.draw(st.sampled_from(places)), data.draw(anything))
    with suppress(ContractError):  # anything else would be a fault of ours
        decode(kind, hostile, unknown="keep")
    if kind is RegisterRequest:
        assert all(pointer.startswith("/") for pointer in missing_proof(hostile))
