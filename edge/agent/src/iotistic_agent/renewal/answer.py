"""What an answer of GET credentials makes of a registration; pure."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from iotistic_agent.registration import Registration
from iotistic_contract.codec import decode
from iotistic_contract.errors import ContractError
from iotistic_contract.provisioning import Credentials
from iotistic_pki.errors import TokenRefused
from iotistic_pki.orders import OrderKeys, verify_order_keys

__all__ = ["read_credentials", "same_anchors", "with_credentials"]

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


def read_credentials(document: object, registration: Registration) -> Credentials:
    """Return the credentials; ContractError when they aren't this registration's, or not safe."""
    found = decode(Credentials, document, unknown="keep")
    if (found.customer_id, found.registration) != (
        registration.customer_id,
        registration.registration,
    ):
        raise ContractError("/registration", "credentials of another registration")
    if not found.broker_config.use_tls:
        raise ContractError("/brokerConfig/useTls", "a broker without TLS")
    if registration.mqtt.client_certificate and (
        found.broker_config.client_id_prefix or found.broker_config.clean_session
    ):
        raise ContractError("/brokerConfig", "a client id or session that isn't the device's")
    return found


def with_credentials(
    registration: Registration, found: Credentials, etag: str
) -> tuple[Registration, str | None]:
    """Return the registration with the new credentials, and why its order keys stayed, if so.

    A device that trusts the system's store, for want of a pin, goes on trusting that.
    """
    keys, refused = _order_keys(registration, found)
    return replace(
        registration,
        ca_cert=None if registration.ca_cert is None else found.ca_bundle,
        mqtt=replace(registration.mqtt, broker_config=found.broker_config),
        vpn=found.vpn,
        order_public_keys=keys.keys,
        order_keys_seq=keys.seq,
        credentials_etag=etag,
    ), refused


def same_anchors(one: str | None, other: str | None) -> bool:
    """Tell whether two bundles in PEM hold the same certificates."""
    return _certificates(one) == _certificates(other)


def _order_keys(registration: Registration, found: Credentials) -> tuple[OrderKeys, str | None]:
    """Return the order keys to hold: others than before only when one that is held signed them."""
    held = OrderKeys(keys=registration.order_public_keys, seq=registration.order_keys_seq)
    if found.order_public_keys_jws is not None:
        try:
            offered = verify_order_keys(found.order_public_keys_jws, held)
        except TokenRefused as exc:
            return held, exc.detail
        return (held if offered.seq == held.seq else offered), None
    if _kids(found.order_public_keys) - _kids(held.keys):
        return held, "new order keys that none of those held has signed"
    return held, None


def _kids(keys: tuple[Mapping[str, Any], ...]) -> set[object]:
    return {key.get("kid") for key in keys}


def _certificates(bundle: str | None) -> frozenset[str]:
    found = _CERTIFICATE.findall(bundle or "")
    return frozenset("".join(each.split()) for each in found)
