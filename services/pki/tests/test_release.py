"""The release folder, as openssl sees it, damaged and made whole again."""

from __future__ import annotations

import hashlib
import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from iotistic_contract.planning.agent_release import ReleaseKeyDiffers, plan
from iotistic_pki.errors import KeyRefused, ReleaseRefused
from iotistic_pki.keys import KeyKind, new_key, public_pem, write_private
from iotistic_pki.release import ReleaseFolder, read_manifest, verified_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from iotistic_contract.agent_release import Manifest

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
BUNDLE = "iotistic-agent-0.1.0-x86_64.tar"


def build(folder: Path, version: str = "0.1.0", content: bytes = b"wheels") -> None:
    folder.mkdir(exist_ok=True)
    name = f"iotistic-agent-{version}-x86_64.tar"
    (folder / name).write_bytes(content)
    bundle = {"arch": "x86_64", "file": name, "size": len(content), "pythons": ["3.11"]}
    bundle["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "bundles.json").write_text(json.dumps({"version": version, "bundles": [bundle]}))


@pytest.fixture
def release(tmp_path: Path) -> ReleaseFolder:
    build(tmp_path / "built")
    (tmp_path / "packaging").mkdir()
    (tmp_path / "packaging/install.sh").write_text("'@VERSION@' '@RELEASED@' '@KEY@' '@BUNDLES@'\n")
    return ReleaseFolder(
        tmp_path / "release", tmp_path / "k/key.pem", tmp_path / "built", tmp_path / "packaging"
    )


def run(release: ReleaseFolder, now: datetime = NOW) -> bool:
    planned = plan(release.read(now), release.wanted())
    planned.apply(release)
    assert not plan(release.read(now), release.wanted()).changed
    return planned.changed


def verified(folder: Path) -> bool:
    command = "openssl pkeyutl -verify -rawin -pubin -inkey release.pem -sigfile install.sh.sig"
    done = subprocess.run(
        [*command.split(), "-in", "install.sh"], cwd=folder, capture_output=True, check=False
    )
    return done.returncode == 0


def test_a_release_is_written_once_and_openssl_verifies_it(
    release: ReleaseFolder, tmp_path: Path
) -> None:
    assert run(release)
    folder = tmp_path / "release"
    assert verified(folder)
    assert (tmp_path / "k/key.pem").stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}
    manifest = read_manifest(folder)
    assert manifest is not None
    assert {path.name for path in folder.iterdir()} == manifest.files
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", "release.pem", "-outform", "DER"],
        cwd=folder, capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert manifest.key == release.fingerprint() == hashlib.sha256(der).hexdigest()
    assert (folder / "release.pem").read_text() == release.public_key()
    assert not run(release, NOW + timedelta(days=1))
    (folder / "install.sh").write_text("other\n")
    assert not verified(folder)


@pytest.mark.parametrize(
    "name", ["install.sh", "install.sh.sig", "release.pem", BUNDLE, "manifest.json"]
)
@pytest.mark.parametrize("lost", [True, False])
def test_what_was_harmed_is_written_again(
    release: ReleaseFolder, tmp_path: Path, name: str, lost: bool
) -> None:
    run(release)
    path = tmp_path / "release" / name
    whole = path.read_bytes()
    if lost:
        path.unlink()
    else:
        path.write_bytes(b"#" + whole[1:])
    later = NOW + timedelta(days=1)
    assert run(release, later)
    manifest = read_manifest(tmp_path / "release")
    assert manifest is not None
    assert manifest.released == (later if name == "manifest.json" else NOW)
    if name != "manifest.json":
        assert path.read_bytes() == whole
    assert verified(tmp_path / "release")


def test_a_new_build_takes_the_place_of_the_old(release: ReleaseFolder, tmp_path: Path) -> None:
    run(release)
    (tmp_path / "release/notes.txt").write_text("theirs")
    build(tmp_path / "built", "0.2.0", b"more")
    assert run(release, NOW + timedelta(days=1))
    names = {path.name for path in (tmp_path / "release").glob("*")}
    assert BUNDLE not in names
    assert {"iotistic-agent-0.2.0-x86_64.tar", "notes.txt"} < names


def test_what_can_t_be_released_is_refused(release: ReleaseFolder, tmp_path: Path) -> None:
    (tmp_path / "built" / BUNDLE).write_bytes(b"others")
    with pytest.raises(ReleaseRefused):
        run(release)
    assert read_manifest(tmp_path / "release") is None
    write_private(tmp_path / "k/key.pem", new_key(KeyKind.P256))
    with pytest.raises(KeyRefused):
        release.read(NOW)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}'])
def test_a_manifest_that_can_t_be_read_is_none(tmp_path: Path, text: str) -> None:
    assert read_manifest(tmp_path) is None
    (tmp_path / "manifest.json").write_text(text)
    found: Manifest | None = read_manifest(tmp_path)
    assert found is None


def test_a_lost_key_isn_t_replaced_unasked(release: ReleaseFolder, tmp_path: Path) -> None:
    run(release)
    key, folder = tmp_path / "k/key.pem", tmp_path / "release"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    key.rename(tmp_path / "elsewhere.pem")
    with pytest.raises(ReleaseKeyDiffers):
        run(release)
    assert not key.exists()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    plan(release.read(NOW), release.wanted(), replace_key=True).apply(release)
    assert verified(folder)
    assert (folder / "release.pem").read_bytes() != before["release.pem"]


def test_a_manifest_is_believed_by_its_signature_alone(
    release: ReleaseFolder, tmp_path: Path
) -> None:
    run(release)
    folder = tmp_path / "release"
    content, signature, key = (
        (folder / name).read_bytes()
        for name in ("manifest.json", "manifest.json.sig", "release.pem")
    )
    assert verified_manifest(content, signature, key) == read_manifest(folder)
    other = public_pem(new_key(KeyKind.ED25519))
    for wrong in (
        (content.replace(b"0.1.0", b"0.1.1"), signature, key),
        (content, signature[:-1] + bytes([signature[-1] ^ 1]), key),
        (content, b"", key),
        (content, signature, other),
    ):
        with pytest.raises(ReleaseRefused, match="isn't signed by the release key"):
            verified_manifest(*wrong)
    with pytest.raises(ReleaseRefused, match="can't be read"):
        verified_manifest(content, signature, b"no key")
    with pytest.raises(ReleaseRefused, match="is Ed25519"):
        verified_manifest(content, signature, public_pem(new_key(KeyKind.P256)))

    (folder / "manifest.json.sig").write_bytes(signature[::-1])
    assert run(release), "a release whose manifest nobody would believe is written again"
