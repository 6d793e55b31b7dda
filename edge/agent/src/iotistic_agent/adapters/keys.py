"""The device's own keys: made once, synced to disk before anything is sent."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from iotistic_agent.registration import FIRST_TLS_KEY
from iotistic_pki.files import write_atomic
from iotistic_pki.keys import KeyKind, PrivateKey, new_key, read_private, write_private
from iotistic_pki.sealing import new_sealing_key

__all__ = ["DeviceKeys", "device_keys", "local_token"]

_SECOND_TLS_KEY = "tls-2.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceKeys:
    """The keys in ``folder``: ``signing`` is the device key, ``sealing`` 32 raw bytes.

    The broker's keys are renewed, and read when they are needed, by the names of their files.
    """

    folder: Path
    signing: PrivateKey = field(repr=False)
    sealing: bytes = field(repr=False)

    def tls(self, name: str) -> PrivateKey:
        """Return the broker's key in the file ``name``, made and synced where it is missing."""
        return _kept(self.folder / name, KeyKind.P256)

    def new_tls(self, current: str) -> str:
        """Make a key beside ``current``, and return the name of its file."""
        name = _SECOND_TLS_KEY if current == FIRST_TLS_KEY else FIRST_TLS_KEY
        write_private(self.folder / name, new_key(KeyKind.P256))
        return name

    def erase_tls(self, name: str) -> None:
        """Remove a key of the broker's that is no longer used."""
        (self.folder / name).unlink(missing_ok=True)


def device_keys(folder: Path) -> DeviceKeys:
    """Return the keys in ``folder``, each made and synced (mode 0600) where it is missing."""
    folder.mkdir(mode=0o700, exist_ok=True)
    sealing_file = folder / "sealing.key"
    if not sealing_file.exists():
        write_atomic(sealing_file, new_sealing_key(), 0o600)
    return DeviceKeys(
        folder=folder,
        signing=_kept(folder / "device.key", KeyKind.ED25519),
        sealing=sealing_file.read_bytes(),
    )


def local_token(path: Path) -> str:
    """Return the local API's token in ``path`` (256 random bits), made where it is missing."""
    if not path.exists():
        write_atomic(path, f"{secrets.token_urlsafe(32)}\n".encode("ascii"), 0o600)
    return path.read_text(encoding="ascii").strip()


def _kept(path: Path, kind: KeyKind) -> PrivateKey:
    if not path.exists():
        write_private(path, new_key(kind))
    return read_private(path)
