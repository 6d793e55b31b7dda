"""Orders and the keys that they are checked with."""

import json
from datetime import timedelta

import pytest

from iotistic_contract.orders import Order, OrderKind
from iotistic_pki.errors import TokenRefused
from iotistic_pki.jws import sign_compact
from iotistic_pki.keys import new_key
from iotistic_pki.orders import (
    OrderKeys,
    order_jwk,
    sign_order,
    sign_order_keys,
    verify_order,
    verify_order_keys,
)


@pytest.fixture
def key():
    return new_key("ed25519")


@pytest.fixture
def held(key):
    return OrderKeys(keys=(order_jwk(key), order_jwk(new_key("ed25519"))), seq=3)


@pytest.fixture
def order(now):
    return Order(
        aud="cust_" + "a1" * 16,
        uuid="6a1c1c53-27a7-4b4a-9a4f-04a1e9c5b3f2",
        registration="r1",
        id="o1",
        kind=OrderKind.JOB,
        counter=4,
        not_before=now,
        expires=now + timedelta(days=1),
        sha256="ab" * 32,
    )


def refusal(check, *arguments):
    with pytest.raises(TokenRefused) as refused:
        check(*arguments)
    return refused.value.reason


def test_an_order_comes_back_as_it_was(key, held, order):
    assert verify_order(sign_order(order, key), held) == order


def test_only_keys_that_are_held_give_orders(held, order):
    assert refusal(verify_order, sign_order(order, new_key("ed25519")), held) == "kid"


def test_other_tokens_are_no_orders(key, held, order):
    claims = {"uuid": order.uuid}

    assert refusal(verify_order, sign_compact("service+jwt", claims, key), held) == "typ"
    assert refusal(verify_order, sign_compact("order+jwt", claims, key), held) == "claims"
    assert refusal(verify_order, sign_order(order, key)[:-3] + "AAA", held) in {
        "signature",
        "malformed",
    }


def test_a_new_set_is_signed_by_a_key_that_is_held(key, held):
    fresh = new_key("ed25519")
    offered = OrderKeys(keys=(order_jwk(fresh),), seq=4)

    assert verify_order_keys(sign_order_keys(offered, key), held) == offered
    assert refusal(verify_order_keys, sign_order_keys(offered, fresh), held) == "kid"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"keys": [], "seq": 4}, "claims"),
        ({"keys": ["x"], "seq": 4}, "claims"),
        ({"keys": [{}], "seq": True}, "claims"),
        ({"keys": [{}], "seq": 2}, "stale"),
    ],
)
def test_sets_that_are_refused_even_when_signed(key, held, claims, reason):
    assert refusal(verify_order_keys, sign_compact("order-keys+jwt", claims, key), held) == reason


def test_keys_of_other_kinds_in_a_set_are_passed_over(key, order):
    mixed = OrderKeys(keys=({"kty": "EC", "crv": "P-521"}, {}, order_jwk(key)))

    assert verify_order(sign_order(order, key), mixed) == order


def test_order_keys_name_no_private_part(key):
    text = json.dumps(order_jwk(key))

    assert set(json.loads(text)) == {"alg", "crv", "kid", "kty", "use", "x"}
