# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Kinds of text that provisioning messages carry."""

import re
from collections.abc import Callable
from typing import Annotated

from ..codec import b64u_decode
from ..errors import ContractError
from ..ids import check_mac_address, check_provisioning_key_id

__all__ = [
    "CHALLENGE_CHARACTERS",
    "Binary",
    "Binary12",
    "Binary32",
    "CertificatePem",
    "CertificatesPem",
    "Challenge",
    "KeyId",
    "MacAddress",
    "Port",
    "PublicKeyPem",
    "RequestPem",
    "Sealed",
]

CHALLENGE_CHARACTERS = 2048
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\r?\n.+?-----END \1-----", re.DOTALL)


def _binary(length: int | None = None, more_than: int = 0) -> Callable[[str], str]:
    def check(text: str) -> str:
        if len(b64u_decode(text, length)) <= more_than:
            raise ContractError("", f"not more than {more_than} bytes")
        return text

    return check


def _challenge(text: str) -> str:
    if len(text) > CHALLENGE_CHARACTERS:
        raise ContractError("", f"longer than {CHALLENGE_CHARACTERS} characters")
    return _binary()(text)


def _pem(*labels: str, several: bool = False) -> Callable[[str], str]:
    def check(text: str) -> str:
        found = _PEM.findall(text)
        if not found or not set(found) <= set(labels):
            raise ContractError("", f"not PEM of a {labels[0].lower()}")
        if len(found) > 1 and not several:
            raise ContractError("", f"more than one {labels[0].lower()}")
        return text

    return check


def _port(number: int) -> int:
    if not 1 <= number <= 65535:
        raise ContractError("", "a port is a number from 1 to 65535")
    return number


Binary = Annotated[str, _binary()]
Binary12 = Annotated[str, _binary(12)]
Binary32 = Annotated[str, _binary(32)]
Sealed = Annotated[str, _binary(more_than=16)]
Challenge = Annotated[str, _challenge]
KeyId = Annotated[str, check_provisioning_key_id]
MacAddress = Annotated[str, check_mac_address]
PublicKeyPem = Annotated[str, _pem("PUBLIC KEY")]
CertificatePem = Annotated[str, _pem("CERTIFICATE")]
CertificatesPem = Annotated[str, _pem("CERTIFICATE", several=True)]
RequestPem = Annotated[str, _pem("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")]
Port = Annotated[int, _port]
