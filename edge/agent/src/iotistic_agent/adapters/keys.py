"""The device's own keys: made once, synced to disk before anything is sent."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from iotistic_pki.files import write_atomic
from iotistic_pki.keys import KeyKind, PrivateKey, new_key, read_private, write_private
from iotistic_pki.sealing import new_sealing_key

__all__ = ["DeviceKeys", "device_keys", "local_token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceKeys:
    """Three keys: ``signing`` is the device key, ``sealing`` 32 raw bytes, ``tls`` the broker's."""

    signing: PrivateKey = field(repr=False)
    tls: PrivateKey = field(repr=False)
    tls_file: Path
    sealing: bytes = field(repr=False)


def device_keys(folder: Path) -> DeviceKeys:
    """Return the keys in ``folder``, each made and synced (mode 0600) where it is missing."""
    folder.mkdir(mode=0o700, exist_ok=True)
    tls_file = folder / "tls.key"
    sealing_file = folder / "sealing.key"
    if not sealing_file.exists():
        write_atomic(sealing_file, new_sealing_key(), 0o600)
    return DeviceKeys(
        signing=_kept(folder / "device.key", KeyKind.ED25519),
        tls=_kept(tls_file, KeyKind.P256),
        tls_file=tls_file,
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
