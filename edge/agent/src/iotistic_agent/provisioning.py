"""Registration, version 2: the pinned CA, key exchange, register."""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from iotistic_agent.adapters.cloud import Cloud, tls_connection, verified_by, words
from iotistic_agent.adapters.keys import DeviceKeys
from iotistic_agent.ambient import utc_now
from iotistic_agent.faults import CloudUnavailable, Refused, RegistrationRefused
from iotistic_agent.proxies import NO_PROXIES, Proxies
from iotistic_agent.registration import FIRST_TLS_KEY, Registration, registration_from
from iotistic_agent.settings import Settings
from iotistic_contract.codec import b64u_encode, decode, encode
from iotistic_contract.errors import ContractFault
from iotistic_contract.provisioning import (
    KeyExchangeAnswer,
    KeyExchangeRequest,
    ProvisioningString,
    RegisterAnswer,
    RegistrationPayload,
)
from iotistic_pki.errors import PkiFault
from iotistic_pki.keys import public_from_pem, public_pem, spki_sha256
from iotistic_pki.provisioning import seal_registration
from iotistic_pki.requests import make_request
from iotistic_pki.sealing import sealing_public

__all__ = ["Identity", "checked_ca", "fetched_ca", "register"]

MAX_CA = 16 * 1024
_ONE_CERTIFICATE = re.compile(
    rb"-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----\r?\n?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a device says of itself when it registers."""

    uuid: str
    name: str | None = None
    type: str | None = None
    mac_address: str | None = None
    os_version: str | None = None
    agent_version: str | None = None


def register(  # noqa: PLR0913 -- what it uses
    string: ProvisioningString,
    identity: Identity,
    keys: DeviceKeys,
    settings: Settings,
    tls_key: str = FIRST_TLS_KEY,
    *,
    now: Callable[[], datetime] = utc_now,
) -> Registration:
    """Register once, from the CA on, and return what the device is from now on.

    ``tls_key`` names the file of the key that the certificate is asked for.

    CloudUnavailable: again later, from here on; RegistrationRefused: a person must look. The
    keys are on disk already and stay the same for each try.
    """
    ca_pem = None if string.pin is None else fetched_ca(string, settings.proxies)
    context = verified_by(ca_pem, settings.ca_file, now)
    cloud = Cloud(string.origin, context, proxies=settings.proxies)
    try:
        exchanged = _exchanged(cloud, string, identity, keys)
        answer = _registered(cloud, string, identity, keys, exchanged, tls_key)
    except Refused as exc:
        if exc.status == 410:
            raise CloudUnavailable(f"{exc}; beginning again", 0.0) from None
        raise RegistrationRefused(f"the cloud refuses this device: {exc}") from None
    except (ContractFault, PkiFault) as exc:
        raise RegistrationRefused(f"the cloud's answer isn't taken: {exc}") from None
    finally:
        cloud.close()
    _check_answer(answer, string, identity)
    return registration_from(answer, identity.uuid, ca_pem, string.key_id, tls_key)


def fetched_ca(string: ProvisioningString, proxies: Proxies = NO_PROXIES) -> str:
    """Return the pinned CA from ``GET /ca.pem``: the only call that isn't verified.

    Its connection is closed at once and carries nothing that names the device.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = tls_connection(string.host, string.port, context, proxies)
    try:
        connection.request("GET", f"/ca.pem?pin={string.pin}", headers={"Connection": "close"})
        response = connection.getresponse()
        content = response.read(MAX_CA + 1)
    except (OSError, HTTPException) as exc:
        raise CloudUnavailable(f"{string.host}: {words(exc)}") from None
    finally:
        connection.close()
    if response.status == 404:
        raise RegistrationRefused(
            "no CA with the string's pin there: is the string of this tenant?"
        )
    if response.status != 200:
        raise CloudUnavailable(f"GET /ca.pem answers {response.status}")
    return checked_ca(content, string.pin or "")


def checked_ca(content: bytes, pin: str) -> str:
    """Return the PEM when it is one self-signed CA certificate with the pinned key.

    RegistrationRefused otherwise: somebody else may have answered.
    """
    if len(content) > MAX_CA or not _ONE_CERTIFICATE.fullmatch(content):
        raise RegistrationRefused("/ca.pem isn't one certificate in PEM")
    try:
        certificate = x509.load_pem_x509_certificate(content)
        certificate.verify_directly_issued_by(certificate)
        is_ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        key = public_from_pem(_spki(certificate))
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound, PkiFault):
        raise RegistrationRefused("/ca.pem isn't a self-signed CA certificate") from None
    if not is_ca or spki_sha256(key) != pin:
        raise RegistrationRefused("/ca.pem has another key than the string's pin: not our tenant")
    return content.decode("ascii")


def _exchanged(
    cloud: Cloud, string: ProvisioningString, identity: Identity, keys: DeviceKeys
) -> KeyExchangeAnswer:
    request = KeyExchangeRequest(
        device_uuid=identity.uuid,
        provisioning_api_key=string.key_id,
        device_public_key=public_pem(keys.signing).decode("ascii"),
    )
    answer = cloud.call("POST", "/api/provisioning/v2/key-exchange", encode(request))
    return decode(KeyExchangeAnswer, answer.json(), unknown="keep")


def _registered(  # noqa: PLR0913, PLR0917 -- what phase 2 is made of
    cloud: Cloud,
    string: ProvisioningString,
    identity: Identity,
    keys: DeviceKeys,
    exchanged: KeyExchangeAnswer,
    tls_key: str,
) -> RegisterAnswer:
    payload = RegistrationPayload(
        device_uuid=identity.uuid,
        provisioning_api_key=str(string.key),
        certificate_request=make_request(keys.tls(tls_key)).decode("ascii"),
        device_sealing_key=b64u_encode(sealing_public(keys.sealing)),
        challenge=exchanged.challenge or "",
        device_name=identity.name,
        device_type=identity.type,
        mac_address=identity.mac_address,
        os_version=identity.os_version,
        agent_version=identity.agent_version,
    )
    request = seal_registration(payload, exchanged, keys.signing)
    answer = cloud.call("POST", "/api/provisioning/v2/register", encode(request))
    return decode(RegisterAnswer, answer.json(), unknown="keep")


def _check_answer(answer: RegisterAnswer, string: ProvisioningString, identity: Identity) -> None:
    if answer.mqtt.username != identity.uuid:
        raise RegistrationRefused("the answer's user name isn't this device's uuid")
    if urlsplit(answer.api.endpoint).scheme != "https":
        raise RegistrationRefused(f"the answer's api.endpoint {answer.api.endpoint} isn't https")
    if not answer.mqtt.broker_config.use_tls:
        raise RegistrationRefused("the answer's broker is without TLS (useTls is false)")
    if string.pin is None:
        return
    tls = answer.api.tls_config
    if tls is None:
        raise RegistrationRefused("the answer has no tlsConfig, though the string has a pin")
    checked_ca(tls.ca_cert.encode(), string.pin)


def _spki(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
