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
    "Challenge",
    "KeyId",
    "MacAddress",
    "Pem",
    "Port",
    "Sealed",
]

CHALLENGE_CHARACTERS = 2048
_PEM = re.compile(r"-----BEGIN [A-Z ]+-----\r?\n.+?-----END [A-Z ]+-----", re.DOTALL)


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


def _pem(text: str) -> str:
    if not _PEM.search(text):
        raise ContractError("", "not PEM")
    return text


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
Pem = Annotated[str, _pem]
Port = Annotated[int, _port]
