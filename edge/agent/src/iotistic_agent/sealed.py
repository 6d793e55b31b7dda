"""Secrets of services, opened only for the container that gets them."""

from collections.abc import Callable

from iotistic_agent.faults import EngineFault
from iotistic_contract.codec import b64u_decode
from iotistic_contract.planning.containers import WantedContainer
from iotistic_contract.target_state import Secret
from iotistic_pki.errors import SealBroken
from iotistic_pki.sealing import Sealed, SealedTo, open_secret

__all__ = ["reveal_with"]


def reveal_with(uuid: str, sealing_key: bytes) -> Callable[[WantedContainer], dict[str, str]]:
    """Return what gives a service's secrets in clear; EngineFault when one doesn't open here."""

    def reveal(wanted: WantedContainer) -> dict[str, str]:
        return {
            name: _opened(secret, SealedTo(uuid=uuid, service_id=wanted.service_id, name=name))
            for name, secret in wanted.secrets.items()
        }

    def _opened(secret: Secret, to: SealedTo) -> str:
        parts = (secret.ephemeral_public_key, secret.nonce, secret.ciphertext)
        try:
            key, nonce, ciphertext = (b64u_decode(part or "") for part in parts)
            sealed = Sealed(ephemeral_public_key=key, nonce=nonce, ciphertext=ciphertext)
            return open_secret(sealed, sealing_key, to).decode("utf-8")
        except (SealBroken, UnicodeDecodeError):
            raise EngineFault("create", f"the secret {to.name} can't be opened here") from None

    return reveal
