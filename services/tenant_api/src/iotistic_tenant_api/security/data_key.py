"""The tenant's data key: secrets at rest, how they are compared, and how a device gets them."""

from __future__ import annotations

import secrets
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iotistic_contract.codec import b64u_decode, b64u_encode
from iotistic_contract.target_secrets import map_secrets, secrets_of
from iotistic_contract.target_state import Secret
from iotistic_kit.errors import StopError
from iotistic_pki.data_key import DataKey
from iotistic_pki.errors import KeyRefused
from iotistic_pki.files import write_atomic
from iotistic_pki.sealing import SealedTo, seal_secret
from iotistic_tenant_api.domain.documents import normalized
from iotistic_tenant_api.domain.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from iotistic_contract.target_state import Delivered, Spec
    from iotistic_tenant_api.domain.documents import Parsed

__all__ = ["DataKeyError", "SecretStore", "make_data_key", "read_data_key"]

Stored = dict[str, dict[str, str]]
_LENGTH = 32


class DataKeyError(StopError):
    """The data key is missing or isn't one."""


def make_data_key(path: Path) -> None:
    """Write a new key, 0600."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(path, secrets.token_bytes(_LENGTH), 0o600)


def read_data_key(path: Path) -> DataKey:
    """Return the key in a file; DataKeyError names the file that is missing or wrong."""
    try:
        return DataKey(path.read_bytes())
    except OSError as error:
        raise DataKeyError(f"can't read the data key {path}: {error.strerror}") from None
    except KeyRefused as error:
        raise DataKeyError(f"the data key {path} is wrong: {error.detail}") from None


class SecretStore:
    """Turns the secrets of specs from one form into another."""

    def __init__(self, key: DataKey) -> None:
        self._key = key

    def hmac(self, service_id: str, name: str, value: str) -> str:
        """Return what stands in the secret's place wherever it is shown or compared."""
        return b64u_encode(self._key.digest(value.encode(), _place(service_id, name)))

    def protect(
        self, uuid: str, wanted: Parsed, *held: Mapping[str, Mapping[str, str]]
    ) -> tuple[Mapping[str, Any], Stored]:
        """Return the normalized spec with HMACs for secrets, and those encrypted for storage.

        A secret given as its HMAC keeps what one of `held` has; 422 when none has that HMAC.
        """
        stored: Stored = {}
        if not wanted.secret:
            return wanted.normal, stored

        def change(service_id: str, name: str, secret: Secret) -> Secret:
            place = _place(uuid, service_id, name)
            if secret.value is None:
                text = self._kept(uuid, service_id, name, secret, held)
                if text is None:
                    detail = f"no secret {name} of service {service_id} has this hmac"
                    raise Refused(422, "invalid", detail)
                digest = secret.hmac
            else:
                text = b64u_encode(self._key.encrypt(secret.value.encode(), place))
                digest = self.hmac(service_id, name, secret.value)
            stored.setdefault(service_id, {})[name] = text
            return Secret(hmac=digest)

        return normalized(map_secrets(wanted.spec, change)), stored

    def missing(
        self, uuid: str, spec: Spec, held: Mapping[str, Mapping[str, str]]
    ) -> list[dict[str, str]]:
        """Return {serviceId, name} of the secrets in `spec` that `held` hasn't (any more)."""
        return [
            {"serviceId": service_id, "name": name}
            for service_id, name, secret in secrets_of(spec)
            if self._kept(uuid, service_id, name, secret, (held,)) is None
        ]

    def seal(
        self,
        uuid: str,
        spec: Delivered,
        stored: Mapping[str, Mapping[str, str]],
        sealing_key: bytes,
    ) -> dict[str, Any]:
        """Return the normalized spec with its secrets sealed to one device."""

        def change(service_id: str, name: str, secret: Secret) -> Secret:
            plain = self._open(uuid, service_id, name, stored[service_id][name])
            to = SealedTo(uuid=uuid, service_id=service_id, name=name)
            sealed = seal_secret(plain, sealing_key, to)
            return replace(
                secret,
                ephemeral_public_key=b64u_encode(sealed.ephemeral_public_key),
                nonce=b64u_encode(sealed.nonce),
                ciphertext=b64u_encode(sealed.ciphertext),
            )

        return normalized(map_secrets(spec, change))

    def _open(self, uuid: str, service_id: str, name: str, stored: str) -> bytes:
        return self._key.decrypt(b64u_decode(stored), _place(uuid, service_id, name))

    def _kept(
        self,
        uuid: str,
        service_id: str,
        name: str,
        secret: Secret,
        held: Iterable[Mapping[str, Mapping[str, str]]],
    ) -> str | None:
        for one in held:
            text = one.get(service_id, {}).get(name)
            if text is not None:
                value = self._open(uuid, service_id, name, text).decode()
                if self.hmac(service_id, name, value) == secret.hmac:
                    return text
        return None


def _place(*names: str) -> bytes:
    return b"".join(
        struct.pack(">I", len(part)) + part for part in (name.encode() for name in names)
    )
