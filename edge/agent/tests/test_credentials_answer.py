"""What credentials make of a registration."""

from dataclasses import replace

import pytest

from edge.agent.tests.test_store import registration
from iotistic_agent.renewal.answer import read_credentials, same_anchors, with_credentials
from iotistic_contract.errors import ContractError
from iotistic_pki.keys import KeyKind, new_key
from iotistic_pki.orders import OrderKeys, order_jwk, sign_order_keys

FIRST, SECOND, STRANGER = (new_key(KeyKind.ED25519) for _ in range(3))
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
HELD = replace(registration(), order_public_keys=(order_jwk(FIRST),), order_keys_seq=3)
BROKER = {"protocol": "mqtts", "host": "b", "port": 8883, "useTls": True, "caCert": PEM}


def document(**change):
    found = {
        "schema": 1,
        "customerId": HELD.customer_id,
        "registration": "r1",
        "caBundle": PEM,
        "brokerConfig": BROKER,
        "vpn": {"profile": "opaque"},
        "orderPublicKeys": [order_jwk(FIRST)],
        "later": True,
    }
    return {**found, **change}


def taken(**change):
    found = read_credentials(document(**change), HELD)
    return with_credentials(HELD, found, '"x"')


def test_anchors_broker_vpn_and_etag_are_taken():
    following, refused = taken()
    assert refused is None
    assert following == replace(
        HELD,
        ca_cert=PEM,
        mqtt=replace(HELD.mqtt, broker_config=read_credentials(document(), HELD).broker_config),
        vpn={"profile": "opaque"},
        credentials_etag='"x"',
    )


def test_who_trusts_the_systems_store_goes_on_so():
    without = replace(HELD, ca_cert=None)
    following, _ = with_credentials(without, read_credentials(document(), without), '"x"')
    assert following.ca_cert is None


@pytest.mark.parametrize(
    "change",
    [
        {"registration": "r2"},
        {"customerId": "cust_" + "b" * 32},
        {"caBundle": "no certificate"},
        {"brokerConfig": {**BROKER, "useTls": False, "protocol": "mqtt"}},
        {"brokerConfig": {**BROKER, "caCert": None}},
        {"brokerConfig": None},
    ],
)
def test_what_is_not_this_registrations_or_not_safe_is_refused(change):
    with pytest.raises(ContractError):
        read_credentials(document(**change), HELD)


@pytest.mark.parametrize("change", [{"clientIdPrefix": "x-"}, {"cleanSession": True}])
def test_with_a_certificate_id_and_session_are_the_devices(change):
    mqtt = replace(HELD.mqtt, client_certificate=PEM, password=None)
    with pytest.raises(ContractError):
        read_credentials(document(brokerConfig={**BROKER, **change}), replace(HELD, mqtt=mqtt))


def signed(key, seq, *keys):
    offered = OrderKeys(keys=tuple(order_jwk(each) for each in keys), seq=seq)
    return {
        "orderPublicKeys": [dict(each) for each in offered.keys],
        "orderPublicKeysJws": sign_order_keys(offered, key),
    }


@pytest.mark.parametrize(
    ("change", "keys", "seq", "refused"),
    [
        (signed(FIRST, 4, SECOND, FIRST), (SECOND, FIRST), 4, None),
        (signed(FIRST, 3, SECOND), (FIRST,), 3, None),
        (signed(FIRST, 2, SECOND), (FIRST,), 3, "older"),
        (signed(STRANGER, 4, SECOND), (FIRST,), 3, "no order key that is held"),
        (signed(FIRST, 4, SECOND) | {"orderPublicKeysJws": "a.b.c"}, (FIRST,), 3, "base64url"),
        ({"orderPublicKeys": [order_jwk(SECOND)]}, (FIRST,), 3, "none of those held"),
        ({"orderPublicKeys": []}, (FIRST,), 3, None),
    ],
)
def test_other_order_keys_come_signed_by_one_that_is_held(change, keys, seq, refused):
    following, why = taken(**change)
    assert following.order_public_keys == tuple(order_jwk(key) for key in keys)
    assert following.order_keys_seq == seq
    assert (why is None) if refused is None else (refused in why)
    assert following.mqtt.broker_config.host == "b", "the rest is taken all the same"


def test_the_same_anchors_may_be_written_otherwise():
    other = PEM.replace("AAAA", "BBBB")
    assert same_anchors(PEM, f"text\n{PEM}\n\n".replace("AAAA", "AA\nAA"))
    assert same_anchors(PEM + other, other + PEM)
    assert not same_anchors(PEM, PEM + other)
    assert not same_anchors(PEM, None)
    assert same_anchors(None, None)
