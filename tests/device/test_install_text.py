"""The install script as text, and the tool that bundles wheels."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release_tool", ROOT / "tools/release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_shellcheck_has_nothing_to_say(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tools/release.py"), "script"]
    script = subprocess.run(command, capture_output=True, check=True).stdout
    assert script.startswith(b"#!/bin/sh\n")
    path = tmp_path / "install.sh"
    path.write_bytes(script)
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run(
        [str(shellcheck), "--shell=sh", str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert subprocess.run(["dash", "-n", str(path)], check=False).returncode == 0


def test_wheels_for_other_pythons_are_of_the_locked_versions(tool: ModuleType) -> None:
    pins = "".join(
        f"{line} \\\n    --hash=sha256:{'0' * 64}\n"
        for line in tool.OTHER_PYTHONS.read_text().splitlines()
        if "==" in line
    )
    lock = (ROOT / "uv.lock").read_text()
    for name, _, version in (pin.split(" ")[0].partition("==") for pin in pins.splitlines()[::2]):
        assert f'name = "{name}"\nversion = "{version}"\n' in lock
    assert (
        tool.with_other_pythons(pins, tool.OTHER_PYTHONS.read_text()).count("--hash")
        > len(pins.splitlines()) // 2
    )


def test_hashes_are_added_to_the_pin_of_their_version_only(tool: ModuleType) -> None:
    pins = "a==1.0 ; x != 'y' \\\n    --hash=sha256:1\nb==2 \\\n    --hash=sha256:2\n"
    others = "# why\nb==2\n    --hash=sha256:3  # cp312\n"
    added = "a==1.0 ; x != 'y' \\\n    --hash=sha256:1\nb==2 \\\n    --hash=sha256:3 \\\n"
    assert tool.with_other_pythons(pins, others) == f"{added}    --hash=sha256:2\n"
    for stale in ("b==1\n    --hash=sha256:3\n", "a==1\n    --hash=sha256:3\n"):
        with pytest.raises(ValueError, match=r"renew other-pythons\.txt"):
            tool.with_other_pythons(pins, stale)


def test_a_bundle_is_the_same_for_the_same_wheels(tool: ModuleType, tmp_path: Path) -> None:
    for name in ("one", "two"):
        content = tmp_path / name
        content.mkdir()
        for wheel in ("x-1.0-cp311-cp311-a.whl", "x-1.0-cp312-cp312-a.whl", "y-2-py3-none-any.whl"):
            (content / wheel).write_text(wheel)
    dest = tmp_path / "dest"
    dest.mkdir()
    made = [
        tool.bundle(dest, tmp_path / name, "0.1.0", "aarch64", ["3.11", "3.12"])
        for name in ("one", "two")
    ]
    assert made[0] == made[1]
    lines = (tmp_path / "one/requirements.txt").read_text().splitlines()
    assert [(line.split(" ")[0], line.count("--hash=sha256:")) for line in lines] == [
        ("x==1.0", 2),
        ("y==2", 1),
    ]


def test_no_function_stands_behind_a_pipe(tool: ModuleType) -> None:
    """It would run in a shell of its own, where what it sets is lost; shellcheck doesn't see it."""
    text = "".join(path.read_text() for path in tool.PACKAGING.glob("*.sh"))
    functions = re.findall(r"^([a-z_]+)\(\) ", text, re.MULTILINE)
    assert {"put", "say", "store_key"} < set(functions)
    assert not re.findall(rf"\|\s*(?:{'|'.join(functions)})\b", text.replace("||", ""))


def test_a_release_of_another_key_is_signed_anew_on_purpose_only(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(tool, "TARGET", tmp_path / "built")
    content = b"wheels"
    name, digest = "iotistic-agent-0.1.0-x86_64.tar", hashlib.sha256(content).hexdigest()
    (tmp_path / "built").mkdir()
    (tmp_path / "built" / name).write_bytes(content)
    bundle = {"arch": "x86_64", "file": name, "size": 6, "pythons": ["3.11"], "sha256": digest}
    document = json.dumps({"version": "0.1.0", "bundles": [bundle]})
    (tmp_path / "built/bundles.json").write_text(document)

    def sign(key: str, *more: str) -> int:
        words = ["sign", "--key", str(tmp_path / key), "--dest", str(tmp_path / "release"), *more]
        return int(tool.main(words))

    assert sign("one.pem") == 0
    first = json.loads((tmp_path / "release/manifest.json").read_text())["key"]
    assert sign("two.pem") == 1
    assert first in capsys.readouterr().err
    assert not (tmp_path / "two.pem").exists()
    assert sign("two.pem", "--replace-key") == 0
    assert json.loads((tmp_path / "release/manifest.json").read_text())["key"] != first
