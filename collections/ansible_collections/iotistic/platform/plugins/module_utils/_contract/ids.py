# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Ids and names: each ``check_…`` returns the text or raises ``ContractError``."""

import re
from collections.abc import Callable
from typing import Annotated

from .errors import ContractError
from .readers import Identifier

__all__ = [
    "AppId",
    "Count",
    "CustomerId",
    "ExternalId",
    "Name",
    "ProvisioningKeyId",
    "ServiceId",
    "Uuid",
    "check_app_id",
    "check_count",
    "check_customer_id",
    "check_external_id",
    "check_mac_address",
    "check_name",
    "check_provisioning_key_id",
    "check_service_id",
    "check_uuid",
    "new_customer_id",
    "short_id",
]

MAX_COUNT = 2**53 - 1


def _check(pattern: str, what: str) -> Callable[[str], str]:
    expression = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if not isinstance(text, str):
            raise ContractError("", f"{what} is text, not {text!r}; quote it")
        if not expression.fullmatch(text):
            raise ContractError("", f"not {what}")
        return text

    check.__doc__ = f"Return ``text`` when it is {what}; raise ``ContractError`` otherwise."
    return check


_HEX = "[0-9a-f]"
check_uuid = _check(
    f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}",
    "a uuid of 36 lower-case characters",
)
check_customer_id = _check(f"cust_{_HEX}{{32}}", "a customer id (cust_ and 32 hex digits)")
check_external_id = _check("[a-z][a-z0-9-]{1,30}", "an external id ([a-z][a-z0-9-]{1,30})")
check_name = _check("[A-Za-z0-9._-]{1,64}", "a name of 1 to 64 letters, digits, '.', '_' or '-'")
check_engine_name = _check(
    "[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
    "a name of 1 to 64 letters, digits, '.', '_' or '-' that begins with a letter or digit",
)
check_app_id = _check(
    "[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
    "an app id of 1 to 64 letters, digits, '.', '_' or '-' that begins with a letter or digit",
)
check_service_id = _check(
    "[A-Za-z0-9._-]{1,64}", "a service id of 1 to 64 letters, digits, '.', '_' or '-'"
)
check_provisioning_key_id = _check("[A-Za-z0-9_-]{1,40}", "a provisioning key's id")
check_mac_address = _check(
    f"{_HEX}{{2}}(:{_HEX}{{2}}){{5}}", "a MAC address in lower case with colons"
)


def check_count(number: int) -> int:
    """Return ``number`` when it is an integer from 0 to 2^53-1."""
    if type(number) is not int or not 0 <= number <= MAX_COUNT:
        raise ContractError("", "not an integer from 0 to 2^53-1")
    return number


Uuid = Annotated[str, check_uuid]
CustomerId = Annotated[str, check_customer_id]
ExternalId = Annotated[str, check_external_id]
Name = Annotated[str, check_name]
EngineName = Annotated[str, check_engine_name]
AppId = Annotated[Identifier, check_app_id]
ServiceId = Annotated[Identifier, check_service_id]
ProvisioningKeyId = Annotated[str, check_provisioning_key_id]
Count = Annotated[int, check_count]


def short_id(customer_id: str) -> str:
    """Return the first 8 hex digits of a customer id; always text."""
    return check_customer_id(customer_id)[5:13]


def new_customer_id(random: Callable[[int], bytes]) -> str:
    """Return a customer id out of 16 bytes of ``random`` (``secrets.token_bytes``)."""
    return f"cust_{random(16).hex()}"
