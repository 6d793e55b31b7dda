"""What a tenant takes from billing, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iotistic_contract.license import SeenTime
from iotistic_pki.keys import KeyKind, new_key, public_pem
from iotistic_pki.tokens import (
    KeySet,
    Purpose,
    Revocations,
    VerificationKey,
    sign_license,
    sign_revocations,
    signed_jwks,
)
from iotistic_tenant_api.scheduling.license import Fetched, renewed
from iotistic_tenant_api.security.billing import Installed, Seeds
from iotistic_tenant_api.testing import Billing

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
CUSTOMER = "cust_" + "a1" * 16
BILLING, THIEF = Billing(), Billing(license_key=new_key(KeyKind.RSA_3072))
SEEDS = Seeds(
    license_key=public_pem(BILLING.license_key).decode(),
    service_key=public_pem(BILLING.service_key).decode(),
)
HELD = Installed(keys=SEEDS.keys, seen=SeenTime(highest=NOW))


def key_set(seq: int, signer: Any = BILLING.license_key) -> Any:
    return signed_jwks(KeySet(keys=SEEDS.keys.keys, seq=seq), [signer], int(NOW.timestamp()))


def revocations(seq: int, *jtis: str, signer: Any = BILLING.license_key) -> str:
    listed = Revocations(
        iat=int(NOW.timestamp()), seq=seq, next_update=NOW + timedelta(days=1), jtis=frozenset(jtis)
    )
    return sign_revocations(listed, signer)


def fetched(**changes: Any) -> Fetched:
    told: dict[str, Any] = {"key_set": key_set(1), "token": None, "revocations": revocations(1)}
    return Fetched(**(told | changes))


def take(held: Installed, **changes: Any) -> Installed:
    return renewed(held, fetched(**changes), CUSTOMER, NOW)


def test_all_that_is_newer_is_taken() -> None:
    license_ = BILLING.license(CUSTOMER, NOW)
    token = sign_license(license_, BILLING.license_key)
    after = take(HELD, token=token, key_set=key_set(4), revocations=revocations(2, "somebody"))
    assert (after.keys.seq, after.license, after.token) == (4, license_, token)
    assert (after.revocations_seq, after.revoked_ids, after.revoked) == (2, frozenset(), False)


def test_the_highest_iat_wins() -> None:
    newer = take(HELD, token=BILLING.license_token(CUSTOMER, NOW))
    older = BILLING.license_token(CUSTOMER, NOW - timedelta(days=1), "enterprise")
    assert take(newer, token=older).license == newer.license


@pytest.mark.parametrize(
    "token",
    [
        None,
        "x",
        THIEF.license_token(CUSTOMER, NOW),
        BILLING.license_token("cust_" + "b2" * 16, NOW),
    ],
    ids=["none", "junk", "stranger", "another customer's"],
)
def test_other_licenses_are_refused(token: str | None) -> None:
    assert take(HELD, token=token).license is None


def test_a_key_set_of_a_stranger_or_of_before_is_refused() -> None:
    held = take(HELD, key_set=key_set(5))
    assert take(held, key_set=key_set(6, THIEF.license_key)).keys.seq == 5
    assert take(held, key_set=key_set(4)).keys.seq == 5
    assert take(held, key_set={"keys": []}).keys.seq == 5


def test_a_key_of_a_new_set_signs_licenses() -> None:
    successor = new_key(KeyKind.RSA_3072)
    key = VerificationKey(purpose=Purpose.LICENSE, key=successor.public_key())
    document = signed_jwks(
        KeySet(keys=(*SEEDS.keys.keys, key), seq=2), [BILLING.license_key], int(NOW.timestamp())
    )
    token = sign_license(BILLING.license(CUSTOMER, NOW), successor)
    assert take(HELD, token=token).license is None
    assert take(HELD, token=token, key_set=document).license is not None


def test_a_revoked_license_stays_revoked() -> None:
    license_ = BILLING.license(CUSTOMER, NOW)
    held = take(HELD, token=sign_license(license_, BILLING.license_key))
    revoked = take(held, revocations=revocations(3, license_.jti, "other"))
    assert (revoked.revoked, revoked.revoked_ids) == (True, {license_.jti})
    assert take(revoked, revocations=revocations(4)).revoked, "a tenant remembers its own"


@pytest.mark.parametrize("least", ["seen", "in the license"])
def test_an_older_list_of_revocations_is_refused(least: str) -> None:
    license_ = replace(BILLING.license(CUSTOMER, NOW), rev_seq=7 if least != "seen" else 0)
    token = sign_license(license_, BILLING.license_key)
    held = replace(take(HELD, token=token), revocations_seq=7 if least == "seen" else 0)
    after = take(held, revocations=revocations(6, license_.jti))
    assert (after.revocations_seq, after.revoked) == (held.revocations_seq, False)


def test_a_deployment_with_other_keys_has_another_mark() -> None:
    other = replace(SEEDS, license_key=public_pem(THIEF.license_key).decode())
    assert other.mark != SEEDS.mark
    assert replace(SEEDS, token="x", license_key=SEEDS.license_key + "\n").mark == SEEDS.mark
