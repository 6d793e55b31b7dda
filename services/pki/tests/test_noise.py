"""Whatever comes in, a verifier answers with its own refusal and with nothing else."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iotistic_contract.codec import b64u_encode
from iotistic_pki.challenge import check_challenge
from iotistic_pki.errors import PkiFault, ProvisioningRefused, TokenRefused
from iotistic_pki.keys import load_private, new_key, public_from_der, public_from_pem, public_pem
from iotistic_pki.requests import requested_key
from iotistic_pki.tokens import (
    KeySet,
    Purpose,
    VerificationKey,
    new_service_token,
    sign_service_token,
    verify_license,
    verify_service_token,
    verify_signed_jwks,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = new_key("ed25519")
HELD = KeySet(keys=(VerificationKey(purpose=Purpose.SERVICE, key=KEY.public_key()),))
TOKEN = sign_service_token(new_service_token("c", "s", ["read"], NOW, "1"), KEY)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
few = settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@few
@given(
    st.text()
    | st.lists(st.binary(), min_size=3, max_size=3).map(
        lambda parts: ".".join(map(b64u_encode, parts))
    )
)
def test_texts(text):
    for verify in (verify_license, verify_service_token):
        with pytest.raises(TokenRefused):
            verify(text, HELD, "c", NOW)


@few
@given(st.integers(0, len(TOKEN) - 1), st.characters())
def test_one_character_changed(position, character):
    changed = TOKEN[:position] + character + TOKEN[position + 1 :]
    if changed != TOKEN:
        with pytest.raises(TokenRefused):
            verify_service_token(changed, HELD, "c", NOW)


@few
@given(JSON | st.fixed_dictionaries({"payload": st.text(), "signatures": st.lists(JSON)}))
def test_documents(document):
    with pytest.raises(TokenRefused):
        verify_signed_jwks(HELD, document)


@few
@given(JSON | st.fixed_dictionaries({"seq": JSON, "keys": JSON | st.lists(JSON)}))
def test_stored_sets(stored):
    if isinstance(stored, dict):
        with pytest.raises(TokenRefused):
            KeySet.from_mapping(stored)


@few
@given(st.text() | st.binary().map(b64u_encode))
def test_challenges(text):
    with pytest.raises(ProvisioningRefused):
        check_challenge(b"m" * 32, text, NOW)


@few
@given(st.text() | st.binary())
def test_requests(noise):
    with pytest.raises(PkiFault):
        requested_key(noise)


@few
@given(st.binary())
def test_keys(noise):
    for read in (public_from_pem, public_from_der, load_private):
        with pytest.raises(PkiFault):
            read(noise)


@few
@given(st.text())
def test_keys_as_text(noise):
    with pytest.raises(PkiFault):
        public_from_pem(public_pem(KEY).decode()[:-30] + noise)
