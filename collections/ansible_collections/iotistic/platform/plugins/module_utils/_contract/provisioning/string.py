# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The one string that a person carries to a device, and the keys that look alike."""

import hashlib
import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Self

from ..codec import b64u_decode
from ..errors import ContractError
from ..ids import check_provisioning_key_id

__all__ = [
    "ApiKey",
    "ProvisioningString",
    "secret_hash",
]

_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_ADDRESS = re.compile(r"\[([0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\]")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_PREFIX = "iotp1"


def secret_hash(secret: str) -> bytes:
    """Return the SHA-256 of a secret's ASCII text: what servers store and compare."""
    return hashlib.sha256(secret.encode("ascii")).digest()


def _key_id(text: str, pointer: str) -> None:
    try:
        check_provisioning_key_id(text)
    except ContractError as exc:
        raise ContractError(pointer, exc.detail) from None


def _bytes32(text: str, what: str, pointer: str) -> None:
    try:
        raw = b64u_decode(text)
    except ContractError:
        raw = b""
    if len(raw) != 32:  # never quote the text: it may be a secret
        raise ContractError(pointer, f"{what} is 32 bytes in base64url without padding")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """``<prefix>.<id>.<secret>``: iotp1 to provision, dk1 of a device, bk1 of a tenant."""

    prefix: str
    id: str
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, text: str, prefix: str, pointer: str = "") -> Self:
        """Read a key of that prefix; the error never quotes it."""
        parts = text.split(".")
        if len(parts) != 3 or parts[0] != prefix:
            raise ContractError(pointer, f"expected {prefix}.<id>.<secret>")
        _key_id(parts[1], pointer)
        _bytes32(parts[2], "the secret", pointer)
        return cls(prefix=prefix, id=parts[1], secret=parts[2])

    @property
    def hash(self) -> bytes:
        """SHA-256 of the secret's text."""
        return secret_hash(self.secret)

    def __str__(self) -> str:
        """Return the whole key, secret included: for the wire and for files of mode 0600."""
        return f"{self.prefix}.{self.id}.{self.secret}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningString:
    """``iotp1.<id>.<secret>[.<pin>]@<host>[:port]``, host without brackets."""

    key_id: str
    secret: str = field(repr=False)
    host: str
    port: int = 443
    pin: str | None = None

    def __post_init__(self) -> None:
        _key_id(self.key_id, "")
        _bytes32(self.secret, "the secret", "")
        if self.pin is not None:
            _bytes32(self.pin, "the pin", "")
        if not (_is_ipv6(self.host) if ":" in self.host else _HOST.fullmatch(self.host)):
            raise ContractError("", "no host name or address after the @")
        if not 1 <= self.port <= 65535:
            raise ContractError("", "the port is a number from 1 to 65535")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the string as a person pasted it, white space around it dropped."""
        left, at, right = text.strip().partition("@")
        parts = left.split(".")
        if not at or parts[0] != _PREFIX or len(parts) not in {3, 4}:
            raise ContractError("", "expected iotp1.<id>.<secret>.<pin>@<host>[:port]")
        host, port = _host_and_port(right)
        pin = parts[3] if len(parts) == 4 else None
        return cls(key_id=parts[1], secret=parts[2], pin=pin, host=host, port=port)

    @property
    def key(self) -> ApiKey:
        """The whole key as it stands in the encrypted payload: without pin and address."""
        return ApiKey(prefix=_PREFIX, id=self.key_id, secret=self.secret)

    @property
    def origin(self) -> str:
        """``https://host[:port]``."""
        return f"https://{self._authority()}"

    def __str__(self) -> str:
        """Return the whole string, secret included; a port of 443 is left out."""
        pin = "" if self.pin is None else f".{self.pin}"
        return f"{_PREFIX}.{self.key_id}.{self.secret}{pin}@{self._authority()}"

    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _host_and_port(text: str) -> tuple[str, int]:
    address = _ADDRESS.match(text)
    host, rest = (address[1], text[address.end() :]) if address else (text, "")
    if not address:
        host, colon, port = text.partition(":")
        rest = colon + port
    if not rest:
        return host, 443
    if not _PORT.fullmatch(rest[1:]) or rest[0] != ":":
        raise ContractError("", "the port is a number from 1 to 65535, and no path follows")
    return host, int(rest[1:])
