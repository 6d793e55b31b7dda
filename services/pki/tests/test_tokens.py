"""Licenses and service tokens: what is taken, and the list of attacks that isn't."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from iotistic_contract.codec import b64u_decode, b64u_encode
from iotistic_contract.license import License
from iotistic_pki.errors import KeyRefused, TokenRefused
from iotistic_pki.jws import sign_compact
from iotistic_pki.keys import jwk, new_key, public_pem, thumbprint
from iotistic_pki.tokens import (
    KeySet,
    Purpose,
    VerificationKey,
    new_service_token,
    seed_keys,
    sign_license,
    sign_service_token,
    verify_license,
    verify_service_token,
)
from iotistic_pki.verification_keys import public_from_jwk

CUSTOMER, OTHER_CUSTOMER = "cust_" + "a1" * 16, "cust_" + "b2" * 16


@pytest.fixture(scope="session")
def service_key():
    return new_key("ed25519")


@pytest.fixture
def held(rsa_keys, service_key):
    return seed_keys(public_pem(rsa_keys[0]), public_pem(service_key))


@pytest.fixture
def license_(now):
    iat = int(now.timestamp())
    return License(
        iss="iotistic-billing",
        aud=CUSTOMER,
        sub=CUSTOMER,
        jti="license-1",
        iat=iat,
        nbf=iat,
        exp=iat + 44 * 86400,
        rev_seq=3,
        customer_name="Acme",
        plan="starter",
    )


@pytest.fixture
def token(license_, rsa_keys):
    return sign_license(license_, rsa_keys[0])


def refusal(check, *arguments):
    with pytest.raises(TokenRefused) as refused:
        check(*arguments)
    return refused.value.reason


def spelled(value):
    return b64u_encode(json.dumps(value).encode())


def with_header(token, key, changes):
    """The token's payload under a changed header, honestly signed by `key`."""
    protected, payload, _ = token.split(".")
    header = json.loads(b64u_decode(protected)) | changes
    header = {name: value for name, value in header.items() if value is not None}
    text = f"{spelled(header)}.{payload}"
    return f"{text}.{b64u_encode(signature(key, text.encode()))}"


def signature(key, message):
    if hasattr(key, "key_size"):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(message)


def test_a_license_comes_back_as_it_was(token, held, license_, now):
    assert verify_license(token, held, CUSTOMER, now) == license_


@pytest.mark.parametrize("days", [0, 30, 60, 4000])
def test_age_decides_about_the_state_and_not_here(token, held, license_, now, days):
    later = now + timedelta(days=days)

    assert verify_license(token, held, CUSTOMER, later) == license_


def test_a_clock_at_1970_doesnt_refuse_a_license(token, held, license_, now):
    assert verify_license(token, held, CUSTOMER, now.replace(year=1970)) == license_


def test_a_license_dated_ahead_of_its_making_waits(license_, held, rsa_keys, now):
    ahead = sign_license(replace(license_, nbf=license_.iat + 3600), rsa_keys[0])

    assert refusal(verify_license, ahead, held, CUSTOMER, now) == "nbf"
    assert verify_license(ahead, held, CUSTOMER, now + timedelta(minutes=59, seconds=1))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"alg": "none"}, "alg"),
        ({"alg": "None"}, "alg"),
        ({"alg": "RS512"}, "alg"),
        ({"alg": "PS256"}, "alg"),
        ({"alg": "EdDSA"}, "alg"),
        ({"alg": ["RS256"]}, "alg"),
        ({"alg": None}, "alg"),
        ({"typ": "JWT"}, "typ"),
        ({"typ": "service+jwt"}, "typ"),
        ({"typ": "License+JWT"}, "typ"),
        ({"typ": None}, "typ"),
        ({"crit": ["exp"]}, "crit"),
        ({"crit": []}, "crit"),
        ({"b64": False}, "crit"),
        ({"jwk": {"kty": "RSA"}}, "embedded_key"),
        ({"jku": "https://evil.test/jwks.json"}, "embedded_key"),
        ({"x5u": "https://evil.test/key.pem"}, "embedded_key"),
        ({"x5c": ["MIIB"]}, "embedded_key"),
        ({"kid": None}, "kid"),
        ({"kid": ""}, "kid"),
        ({"kid": 7}, "kid"),
        ({"kid": "../../etc/passwd"}, "kid"),
        ({"kid": "' OR 1=1 --"}, "kid"),
    ],
)
def test_headers_that_are_refused_even_when_signed(token, held, rsa_keys, now, changes, reason):
    changed = with_header(token, rsa_keys[0], changes)

    assert refusal(verify_license, changed, held, CUSTOMER, now) == reason


def test_the_public_key_is_no_hmac_secret(token, held, rsa_keys, now):
    _, payload, _ = token.split(".")
    for alg in ("HS256", "RS256"):
        header = spelled({"alg": alg, "kid": thumbprint(rsa_keys[0]), "typ": "license+jwt"})
        text = f"{header}.{payload}"
        mac = hmac.digest(public_pem(rsa_keys[0]), text.encode(), hashlib.sha256)
        forged = f"{text}.{b64u_encode(mac)}"

        reason = refusal(verify_license, forged, held, CUSTOMER, now)

        assert reason == ("alg" if alg == "HS256" else "signature")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda h, p, s: f"{h}.{p}.", "signature"),
        (lambda h, p, s: f"{h}.{p}", "malformed"),
        (lambda h, p, s: f"{h}.{p}.{s}.", "malformed"),
        (lambda h, p, s: f"{h}.{p}.{s}=", "malformed"),
        (lambda h, p, s: f"{h}.{p}.{s}\n", "malformed"),
        (lambda h, p, s: f" {h}.{p}.{s}", "malformed"),
        (lambda h, p, s: f"{h}.{p}.{s[:-4]}AAAA", "signature"),
        (lambda h, p, s: f"{h}.{p}.{s[:-1]}{chr(ord(s[-1]) + 1)}", "malformed"),
        (lambda h, p, s: f"{h}.{p[:-1]}.{s}", "signature"),
        (lambda h, p, s: f"{h}.{p}A.{s}", "signature"),
        (lambda h, p, s: f"{h}.{spelled({'plan': 'enterprise'})}.{s}", "signature"),
        (lambda h, p, s: f"{spelled([])}.{p}.{s}", "malformed"),
        (lambda h, p, s: f"{b64u_encode(b'{')}.{p}.{s}", "malformed"),
        (lambda h, p, s: f"{b64u_encode(b'{}' * 9000)}.{p}.{s}", "too_large"),
        (lambda h, p, s: "", "malformed"),
        (lambda h, p, s: "..", "malformed"),
        (lambda h, p, s: "é.é.é", "malformed"),
        (lambda h, p, s: f"{h}.{p}.{s}".replace("_", "/").replace("-", "+") + "+", "malformed"),
    ],
)
def test_texts_that_are_refused(token, held, now, change, reason):
    changed = change(*token.split("."))

    assert refusal(verify_license, changed, held, CUSTOMER, now) == reason


def test_one_name_twice_in_a_header_is_refused(token, held, rsa_keys, now):
    _, payload, _ = token.split(".")
    kid = thumbprint(rsa_keys[0])
    header = f'{{"alg":"RS256","alg":"none","kid":"{kid}","typ":"license+jwt"}}'
    text = f"{b64u_encode(header.encode())}.{payload}"
    doubled = f"{text}.{b64u_encode(signature(rsa_keys[0], text.encode()))}"

    assert refusal(verify_license, doubled, held, CUSTOMER, now) == "malformed"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "somebody"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": OTHER_CUSTOMER}, "aud"),
        ({"aud": [CUSTOMER]}, "aud"),
        ({"aud": None}, "aud"),
        ({"sub": OTHER_CUSTOMER}, "claims"),
        ({"exp": None}, "claims"),
        ({"exp": 1}, "claims"),
        ({"exp": 10**11}, "claims"),
        ({"iat": "soon"}, "claims"),
        ({"iat": True}, "claims"),
        ({"plan": None}, "claims"),
        ({"features": []}, "claims"),
    ],
)
def test_claims_that_are_refused_even_when_signed(license_, held, rsa_keys, now, changes, reason):
    claims = {**license_.claims(), **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    changed = sign_compact("license+jwt", claims, rsa_keys[0])

    assert refusal(verify_license, changed, held, CUSTOMER, now) == reason


def test_a_key_that_isnt_held_signs_nothing(license_, held, rsa_keys, now):
    stranger = sign_license(license_, rsa_keys[1])
    renamed = with_header(stranger, rsa_keys[1], {"kid": thumbprint(rsa_keys[0])})

    assert refusal(verify_license, stranger, held, CUSTOMER, now) == "kid"
    assert refusal(verify_license, renamed, held, CUSTOMER, now) == "signature"


def test_another_customers_license_is_refused(token, held, now):
    assert refusal(verify_license, token, held, OTHER_CUSTOMER, now) == "aud"


def test_neither_key_verifies_the_others_type(license_, held, rsa_keys, service_key, now):
    by_service_key = sign_compact("license+jwt", license_.claims(), service_key)
    claims = new_service_token(CUSTOMER, "worker", ["read"], now, "1")
    by_license_key = sign_service_token(claims, rsa_keys[0])

    assert refusal(verify_license, by_service_key, held, CUSTOMER, now) == "alg"
    assert refusal(verify_service_token, by_license_key, held, CUSTOMER, now) == "alg"
    with pytest.raises(KeyRefused):
        VerificationKey(purpose=Purpose.LICENSE, key=service_key.public_key())
    with pytest.raises(KeyRefused):
        VerificationKey(purpose=Purpose.SERVICE, key=rsa_keys[0].public_key())


def test_a_service_token_comes_back_as_it_was(held, service_key, now):
    made = new_service_token(CUSTOMER, "operator:anna", ["read", "devices"], now, "1")

    assert verify_service_token(sign_service_token(made, service_key), held, CUSTOMER, now) == made


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(-61, "iat"), (-60, None), (0, None), (659, None), (660, "exp"), (10**8, "exp")],
)
def test_a_service_token_lives_ten_minutes(held, service_key, now, seconds, reason):
    made = new_service_token(CUSTOMER, "worker", ["read"], now, "1")
    text, at = sign_service_token(made, service_key), now + timedelta(seconds=seconds)

    if reason is None:
        assert verify_service_token(text, held, CUSTOMER, at) == made
    else:
        assert refusal(verify_service_token, text, held, CUSTOMER, at) == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": 601}, "exp"),
        ({"exp": -1}, "exp"),
        ({"scope": ""}, "claims"),
        ({"scope": ["read"]}, "claims"),
        ({"sub": None}, "claims"),
        ({"jti": None}, "claims"),
        ({"iat": 1.5}, "claims"),
        ({"aud": OTHER_CUSTOMER}, "aud"),
        ({"iss": "iotistic-tenant"}, "iss"),
    ],
)
def test_service_claims_that_are_refused(held, service_key, now, changes, reason):
    iat = int(now.timestamp())
    claims = {
        "iss": "iotistic-billing",
        "aud": CUSTOMER,
        "sub": "worker",
        "scope": "read",
        "jti": "1",
        "iat": iat,
        "exp": iat + 600,
        **changes,
    }
    if "exp" in changes:
        claims["exp"] = iat + changes["exp"]
    text = sign_compact("service+jwt", claims, service_key)

    assert refusal(verify_service_token, text, held, CUSTOMER, now) == reason


def test_a_right_signature_has_one_spelling(held, service_key, now):
    """Ed25519 with the group's order added to S verifies where nobody checks (RFC 8032, 5.1.7)."""
    order = 2**252 + 27742317777372353535851937790883648493
    token = sign_service_token(new_service_token(CUSTOMER, "w", ["read"], now, "1"), service_key)
    head, _, text = token.rpartition(".")
    octets = b64u_decode(text)
    scalar = int.from_bytes(octets[32:], "little") + order
    respelled = f"{head}.{b64u_encode(octets[:32] + scalar.to_bytes(32, 'little'))}"

    assert refusal(verify_service_token, respelled, held, CUSTOMER, now) == "signature"


def test_refusals_repeat_no_token(token, held, now):
    with pytest.raises(TokenRefused) as refused:
        verify_license(token + "A", held, CUSTOMER, now)

    assert token[:40] not in str(refused.value)


def test_thumbprint_is_that_of_rfc_7638():
    example = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tS"
        "oc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0"
        "_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4"
        "vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
    }
    key = public_from_jwk(example)

    assert jwk(key) == example
    assert thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_key_sets_can_be_compared_and_hashed(held):
    again = KeySet.from_mapping(json.loads(json.dumps(held.to_mapping())))

    assert again == held
    assert hash(held.keys) == hash(again.keys)
