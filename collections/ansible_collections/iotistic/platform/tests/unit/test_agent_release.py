# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stories of the module agent_release and of the filter install_command."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import COLLECTIONS

BUNDLE = "iotistic-agent-0.1.0-x86_64.tar"


@pytest.fixture
def options(tmp_path):
    """Options of a task; a build is there."""
    built, packaging = tmp_path / "built", tmp_path / "packaging"
    built.mkdir()
    packaging.mkdir()
    (built / BUNDLE).write_bytes(b"wheels")
    digest = hashlib.sha256(b"wheels").hexdigest()
    bundle = {"arch": "x86_64", "file": BUNDLE, "sha256": digest, "size": 6, "pythons": ["3.11"]}
    (built / "bundles.json").write_text(json.dumps({"version": "0.1.0", "bundles": [bundle]}))
    (packaging / "install.sh").write_text("'@VERSION@' '@RELEASED@' '@KEY@' '@BUNDLES@'\n")
    return {
        "path": str(tmp_path / "release"),
        "key_file": str(tmp_path / "secrets/release-key.pem"),
        "bundles": str(built),
        "installer": str(packaging),
    }


def test_a_release_is_made_once(run, options, tmp_path):
    predicted = run("agent_release", check=True, **options)
    assert (predicted["changed"], predicted["release"]["public_key"]) == (True, "")
    assert not (tmp_path / "release").exists()
    assert not (tmp_path / "secrets").exists()
    made = run("agent_release", **options)
    assert made["diff"] == predicted["diff"]
    assert (made["release"]["version"], made["release"]["architectures"]) == ("0.1.0", ["x86_64"])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    for check in (False, True):
        again = run("agent_release", check=check, **options)
        assert (again["changed"], again["release"]) == (False, made["release"])
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before
    private = (tmp_path / "secrets/release-key.pem").read_text().splitlines()[1]
    assert private not in json.dumps(made)


def test_a_release_of_another_key_is_replaced_on_purpose_only(run, options, tmp_path):
    first = run("agent_release", **options)["release"]
    other = {**options, "key_file": str(tmp_path / "other/release-key.pem")}
    for check in (True, False):
        refused = run("agent_release", check=check, failing=True, **other)["msg"]
        assert first["fingerprint"] in refused
        assert "replace_key" in refused
        assert not (tmp_path / "other").exists()
    replaced = run("agent_release", **other, replace_key=True)
    assert replaced["changed"]
    assert replaced["release"]["fingerprint"] != first["fingerprint"]


def test_without_bundles_it_says_so(run, options, tmp_path):
    (tmp_path / "built/bundles.json").unlink()
    assert "bundles.json" in run("agent_release", failing=True, **options)["msg"]
    (tmp_path / "built/bundles.json").write_text('{"version": "0.1.0", "bundles": []}')
    assert run("agent_release", failing=True, **options)["msg"].startswith("/bundles")


def filtered(url, release, monkeypatch):
    """Return what the filter gives in a task, run by Ansible itself."""
    expression = "{{ url | iotistic.platform.install_command(release) }}"
    command = [str(Path(sys.executable).with_name("ansible")), "localhost", "-m", "debug"]
    extra = json.dumps({"url": url, "release": release})
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(COLLECTIONS))
    monkeypatch.setenv("ANSIBLE_NOCOLOR", "1")
    done = subprocess.run(
        [*command, "-a", f"msg={expression}", "-e", extra],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.partition("=>")[2])["msg"]


@pytest.mark.timeout(60)
def test_the_filter_returns_the_command(run, options, monkeypatch):
    url = "https://127.77.0.16:3002"
    predicted = run("agent_release", check=True, **options)["release"]
    assert filtered(url, predicted, monkeypatch) == ""
    release = run("agent_release", **options)["release"]
    text = filtered(url, release, monkeypatch)
    assert f"u={url}/install" in text
    assert release["public_key"].splitlines()[1] in text
