"""The commands in the documents are true: each `console` block is run against the demo's site.

A line that begins with `$ ` is a command; lines below it are what it prints, `…` for anything. The
documents name the default site's folder and addresses; here the test's own take their places.
"""

from __future__ import annotations

import re
import subprocess

import pytest

from .demo_site import ROOT

_END = "documents-test-end-of-command"


def documents():
    """Return the documents that have commands to run."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [path for path in found if "```console" in path.read_text()]


def steps(text: str):
    """Return (command, expected output) pairs of all blocks, in order."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def moved(site, text: str) -> str:
    """Return the text with this test's folder and addresses in the default ones' places."""
    return text.replace("/var/lib/iotistic/demo", str(site.state)).replace("127.77.0", site.prefix)


def pattern(lines: list[str]) -> str:
    """Return the expression that the printed text must hold."""
    return ".*".join(re.escape(part) for part in "\n".join(lines).split("…"))


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_the_commands_do_what_they_say(site, path):
    told = steps(moved(site, path.read_text()))
    script = "".join(f"{command}\necho {_END}=$?\n" for command, _ in told)
    done = subprocess.run(
        ["bash"],
        input=script,
        cwd=ROOT,
        env=site.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    outputs = re.split(rf"{_END}=(\d+)\n", done.stdout)
    assert len(outputs) // 2 == len(told), done.stdout + done.stderr
    for (command, expected), output, code in zip(told, outputs[::2], outputs[1::2], strict=False):
        assert code == "0", f"{path.name}: {command}\n{output}\n{done.stderr}"
        assert re.search(pattern(expected), output, re.DOTALL), f"{path.name}: {command}\n{output}"
