"""The folder that devices install the agent from, signed by the release key.

Install script and manifest are signed: 64 raw bytes of Ed25519, as `openssl pkeyutl -verify -rawin`
takes them. Both name each bundle with its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from iotistic_contract.agent_release import (
    INSTALLER,
    MANIFEST,
    MANIFEST_SIGNATURE,
    PUBLIC_KEY,
    SIGNATURE,
    Bundles,
    Manifest,
    composed,
    released_script,
)
from iotistic_contract.codec import decode, encode, parse_json
from iotistic_contract.errors import ContractFault
from iotistic_contract.planning.agent_release import (
    ActualRelease,
    MakeReleaseKey,
    Release,
    WriteRelease,
)

from .errors import KeyRefused, ReleaseRefused
from .files import write_atomic
from .keys import KeyKind, new_key, public_der, public_pem, read_private, write_private

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

__all__ = ["BUNDLES", "ReleaseFolder", "read_manifest", "verified_manifest"]

BUNDLES = "bundles.json"


class ReleaseFolder:
    """Reads what is released, and does a plan's steps.

    ``bundles`` is what tools/release.py built, ``installer`` the folder of the install script.
    """

    def __init__(self, folder: Path, key_file: Path, bundles: Path, installer: Path) -> None:
        self._folder = folder
        self._key_file = key_file
        self._bundles = bundles
        self._installer = installer

    def wanted(self) -> Release:
        """Return what the folder of bundles and the install script ask for."""
        document = json.loads((self._bundles / BUNDLES).read_bytes())
        return Release(
            bundles=decode(Bundles, document),
            installer=hashlib.sha256(self._template().encode()).hexdigest(),
        )

    def read(self, now: datetime) -> ActualRelease:
        """Return what is there; KeyRefused for a release key that can't be used."""
        key = self._key() if self._key_file.exists() else None
        manifest = self.manifest()
        return ActualRelease(
            now=now,
            key=self.fingerprint(),
            manifest=manifest,
            sound=key is not None and manifest is not None and self._sound(manifest, key),
        )

    def apply(self, step: Any) -> None:
        """Do one step of a plan."""
        match step:
            case MakeReleaseKey():
                self._key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_private(self._key_file, new_key(KeyKind.ED25519))
            case WriteRelease(release=release, released=released):
                self._write(release, released)

    def manifest(self) -> Manifest | None:
        """Return what is released, None before there is a release."""
        return read_manifest(self._folder)

    def public_key(self) -> str | None:
        """Return the release key's public half in PEM, None before there is a key."""
        return public_pem(self._key()).decode() if self._key_file.exists() else None

    def fingerprint(self) -> str | None:
        """Return the SHA-256 of the release key's public half in DER, None before there is a key.

        `openssl pkey -pubin -in release.pem -outform DER | sha256sum` shows the same.
        """
        return _fingerprint(self._key()) if self._key_file.exists() else None

    def _template(self) -> str:
        return composed(
            {path.name: path.read_text("utf-8") for path in self._installer.glob("*.[ps][yh]")}
        )

    def _key(self) -> ed25519.Ed25519PrivateKey:
        key = read_private(self._key_file)
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise KeyRefused("key_type", f"{self._key_file}: a release key is Ed25519")
        return key

    def _write(self, release: Release, released: datetime) -> None:
        """Write bundles first and the manifest last: what it names is there."""
        key = self._key()
        manifest = Manifest(
            version=release.bundles.version,
            released=released,
            key=_fingerprint(key),
            installer=release.installer,
            bundles=release.bundles.bundles,
        )
        shown = public_pem(key)
        script = released_script(self._template(), manifest, shown.decode()).encode()
        self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for bundle in manifest.bundles:
            content = (self._bundles / bundle.file).read_bytes()
            if hashlib.sha256(content).hexdigest() != bundle.sha256:
                raise ReleaseRefused("bundle", f"{bundle.file} isn't what {BUNDLES} says")
            write_atomic(self._folder / bundle.file, content)
        write_atomic(self._folder / PUBLIC_KEY, shown)
        write_atomic(self._folder / SIGNATURE, key.sign(script))
        write_atomic(self._folder / INSTALLER, script)
        document = (json.dumps(encode(manifest), indent=1, sort_keys=True) + "\n").encode()
        write_atomic(self._folder / MANIFEST_SIGNATURE, key.sign(document))
        write_atomic(self._folder / MANIFEST, document)
        self._remove_others(manifest)

    def _remove_others(self, manifest: Manifest) -> None:
        for path in self._folder.glob("iotistic-agent-*.tar"):
            if path.name not in manifest.files:
                path.unlink()

    def _sound(self, manifest: Manifest, key: ed25519.Ed25519PrivateKey) -> bool:
        try:
            script = (self._folder / INSTALLER).read_bytes()
            shown = public_pem(key)
            key.public_key().verify((self._folder / SIGNATURE).read_bytes(), script)
            key.public_key().verify(
                (self._folder / MANIFEST_SIGNATURE).read_bytes(),
                (self._folder / MANIFEST).read_bytes(),
            )
            expected = released_script(self._template(), manifest, shown.decode()).encode()
            bundles = {
                bundle.sha256: hashlib.sha256((self._folder / bundle.file).read_bytes()).hexdigest()
                for bundle in manifest.bundles
            }
            key_is_there = (self._folder / PUBLIC_KEY).read_bytes() == shown
        except (OSError, InvalidSignature, ContractFault):
            return False
        return key_is_there and script == expected and all(a == b for a, b in bundles.items())


def _fingerprint(key: ed25519.Ed25519PrivateKey) -> str:
    return hashlib.sha256(public_der(key)).hexdigest()


def read_manifest(folder: Path) -> Manifest | None:
    """Return what a release folder says that it holds; None for none that can be read."""
    with suppress(OSError, ValueError, ContractFault):
        return decode(Manifest, json.loads((folder / MANIFEST).read_bytes()))
    return None


def verified_manifest(content: bytes, signature: bytes, public_key: bytes) -> Manifest:
    """Return the manifest that the release key has signed; `public_key` is its PEM.

    ReleaseRefused for anything else.
    """
    try:
        key = load_pem_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm):
        raise ReleaseRefused("key", "the release key can't be read") from None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise ReleaseRefused("key", "a release key is Ed25519")
    try:
        key.verify(signature, content)
    except InvalidSignature:
        raise ReleaseRefused(
            "signature", "the release isn't signed by the release key that this device has"
        ) from None
    try:
        return decode(Manifest, parse_json(content), unknown="keep")
    except ContractFault as error:
        raise ReleaseRefused("manifest", f"the manifest can't be read: {error}") from None
