# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The API's RSA keys for phase 2, in a folder that all workers of a tenant share."""

import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from .errors import KeyRefused, ProvisioningRefused
from .files import exclusive, write_atomic
from .keys import KeyKind, new_key, public_pem, read_private, spki_sha256, write_private

__all__ = ["OAEP", "OVERLAP", "ProvisioningKeys", "WrappingKey"]

OVERLAP = timedelta(minutes=10)
OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappingKey:
    """One RSA key; `key_id` is the SHA-256 of its SubjectPublicKeyInfo, base64url."""

    key: RSAPrivateKey = field(repr=False)
    key_id: str
    public_pem: str

    @classmethod
    def of(cls, key: object) -> "WrappingKey":
        """Name the key; KeyRefused unless it is RSA."""
        if not isinstance(key, RSAPrivateKey):
            raise KeyRefused("key_type", "provisioning wraps under an RSA key")
        return cls(key=key, key_id=spki_sha256(key), public_pem=public_pem(key).decode("ascii"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningKeys:
    """The current wrapping key, the one before it while it is still good, and the MAC's secret."""

    current: WrappingKey
    secret: bytes = field(repr=False)
    last: WrappingKey | None = None
    last_until: datetime | None = None

    def find(self, key_id: str, now: datetime) -> WrappingKey:
        """Return the key that `key_id` names; ProvisioningRefused `key_id_unknown` otherwise."""
        if key_id == self.current.key_id:
            return self.current
        if self.last is not None and key_id == self.last.key_id and now < (self.last_until or now):
            return self.last
        raise ProvisioningRefused("key_id_unknown", "no key of that id: begin at phase 1", 410)

    @classmethod
    def ensure(cls, folder: Path, now: datetime) -> "ProvisioningKeys":
        """Return the keys in `folder`, made on first use, by one worker for all."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with exclusive(folder / "lock"):
            if not (folder / "mac.secret").exists():
                write_atomic(folder / "mac.secret", secrets.token_bytes(32), 0o600)
            if not (folder / "current.pem").exists():
                write_private(folder / "current.pem", new_key(KeyKind.RSA_3072))
            return cls._read(folder, now)

    @classmethod
    def rotate(cls, folder: Path, now: datetime) -> "ProvisioningKeys":
        """Put a new key in front; the one before stays good for ten minutes."""
        with exclusive(folder / "lock"):
            current = read_private(folder / "current.pem")
            write_private(folder / "last.pem", current)
            until = {"until": int((now + OVERLAP).timestamp())}
            write_atomic(folder / "last.json", json.dumps(until).encode("ascii"))
            write_private(folder / "current.pem", new_key(KeyKind.RSA_3072))
            return cls._read(folder, now)

    @classmethod
    def _read(cls, folder: Path, now: datetime) -> "ProvisioningKeys":
        last, until = _last(folder, now)
        return cls(
            current=WrappingKey.of(read_private(folder / "current.pem")),
            secret=(folder / "mac.secret").read_bytes(),
            last=last,
            last_until=until,
        )


def _last(folder: Path, now: datetime) -> tuple[WrappingKey | None, datetime | None]:
    """Return the key before and until when it is good; past that it is erased."""
    stated = folder / "last.json"
    if not stated.exists():
        return None, None
    until = datetime.fromtimestamp(json.loads(stated.read_bytes())["until"], UTC)
    if now < until:
        return WrappingKey.of(read_private(folder / "last.pem")), until
    stated.unlink()
    (folder / "last.pem").unlink(missing_ok=True)
    return None, None
