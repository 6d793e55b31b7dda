"""A service's secret in its three forms: as written, as its HMAC, as sealed to one device."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from .base64url import b64u_decode
from .errors import ContractError

__all__ = ["MASK", "NEW_SECRET", "Secret"]

MASK = "********"
NEW_SECRET = f"{MASK} (new value)"
_SEALED = ("ephemeralPublicKey", "nonce", "ciphertext")
_LENGTHS = {"hmac": 32, "ephemeralPublicKey": 32, "nonce": 12, "ciphertext": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Exactly what is known of a secret; the value shows in no ``repr``.

    People write ``value``; the API answers and compares by ``hmac``; a device gets the sealed
    form. Two secrets are the same when ``same_as`` says so, not by ``==``.
    """

    value: str | None = field(default=None, repr=False)
    hmac: str | None = None
    ephemeral_public_key: str | None = None
    nonce: str | None = None
    ciphertext: str | None = None
    wire_schema: ClassVar[Mapping[str, object]] = {"type": ["string", "object"]}

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """Return the secret that text, ``{hmac}`` or the sealed object describes."""
        if isinstance(value, str):
            return cls(value=value)
        if not isinstance(value, Mapping) or not isinstance(value.get("hmac"), str):
            raise ContractError("", "a secret is text, or what the API answered for it; quote it")
        for key in value.keys() - _LENGTHS.keys():
            raise ContractError("", "unknown key").under(str(key))
        if any(key in value for key in _SEALED) and not all(key in value for key in _SEALED):
            raise ContractError("", "a part of a sealed secret is missing")
        for key, content in value.items():
            _check_part(key, content)
        return cls(
            hmac=value["hmac"],
            ephemeral_public_key=value.get("ephemeralPublicKey"),
            nonce=value.get("nonce"),
            ciphertext=value.get("ciphertext"),
        )

    def to_wire(self) -> object:
        """Return the form that ``from_wire`` reads as this; it holds the value if that is known."""
        if self.value is not None:
            return self.value
        sealed = (self.ephemeral_public_key, self.nonce, self.ciphertext)
        parts = dict(zip(_SEALED, sealed, strict=True)) if self.ciphertext else {}
        return {**parts, "hmac": self.hmac}

    def same_as(self, other: "Secret | None") -> bool:
        """Return whether both are known to be the same: by HMAC, else by value."""
        if other is None:
            return False
        if self.hmac is not None and other.hmac is not None:
            return self.hmac == other.hmac
        return self.value is not None and self.value == other.value


def _check_part(key: str, content: object) -> None:
    if not isinstance(content, str):
        raise ContractError(key, "expected text")
    try:
        b64u_decode(content, _LENGTHS[key])
    except ContractError as exc:
        raise exc.under(key) from None
