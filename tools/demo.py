"""The demo site: `./run demo` makes it so, `./run demo destroy` removes it.

One run of a site at a time: `iotistic-guard` holds the site's lock and ends everything that the run
started when the run ends, however it ends. What a killed guard left is ended by the next run.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent
RUN = "IOTISTIC_RUN"
SUPERVISED = "IOTISTIC_SUPERVISED"


@dataclass(frozen=True)
class Site:
    """A site on this machine: its folder, its loopback addresses, its id."""

    state: Path
    net: str

    @property
    def id(self) -> str:
        """First 8 hex digits of the SHA-256 of the folder's real path."""
        return hashlib.sha256(str(self.state).encode()).hexdigest()[:8]

    @property
    def lock(self) -> Path:
        """The file that one run at a time holds; it lies beside the folder."""
        return self.state.with_name(f".{self.state.name}.lock")


def site_from(environment: dict[str, str]) -> Site:
    """Return the site that IOTISTIC_STATE and IOTISTIC_NET name, or the default one."""
    home = environment.get("HOME", "/")
    default = (
        "/var/lib/iotistic/demo" if os.geteuid() == 0 else f"{home}/.local/state/iotistic/demo"
    )
    state = Path(environment.get("IOTISTIC_STATE") or default)
    net = environment.get("IOTISTIC_NET") or "127.77.0.0/24"
    return Site(Path(os.path.realpath(state)), net)


def guarded(site: Site, arguments: list[str]) -> int:
    """Run this program again under the guard, which holds the site's lock."""
    site.lock.parent.mkdir(parents=True, exist_ok=True)
    command = [
        str(PROGRAMS / "iotistic-guard"), "--lock", str(site.lock), "--spare", SUPERVISED,
        "--parent", str(os.getpid()), "--",
        "env", f"{RUN}={site.id}", sys.executable, str(Path(__file__)), *arguments,
    ]  # fmt: skip
    with subprocess.Popen(command) as guard:  # the mark is the inner run's: a waiting one has none
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda got, _frame: guard.send_signal(got))
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # the guard got it as well
                return guard.wait()


def survivors(site: Site) -> list[int]:
    """Return processes of an earlier, killed run of this site: its mark, and not our ancestors."""
    spared = ancestors()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            environment = (entry / "environ").read_bytes().split(b"\0")
            marked = f"{RUN}={site.id}".encode() in environment
            detached = any(item.startswith(SUPERVISED.encode()) for item in environment)
            if marked and not detached and int(entry.name) not in spared:
                found.append(int(entry.name))
    return found


def ancestors() -> set[int]:
    """Return our own process id and those above it."""
    found, pid = set(), os.getpid()
    while pid > 1:
        found.add(pid)
        status = Path(f"/proc/{pid}/stat").read_text()
        pid = int(status.rpartition(")")[2].split()[1])
    return found


def end_survivors(site: Site) -> None:
    """Kill what an earlier run left, until nothing of it is there."""
    told = False
    while left := survivors(site):
        if not told:
            print(f"demo: ending what a killed run left ({len(left)} processes)", file=sys.stderr)
            told = True
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def playbook(site: Site, name: str, arguments: list[str]) -> int:
    """Run a playbook on the demo's inventory; return its exit code."""
    environment = os.environ | {
        "IOTISTIC_STATE": str(site.state),
        "IOTISTIC_NET": site.net,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
    }
    command = [
        str(PROGRAMS / "ansible-playbook"), "-i", str(ROOT / "inventories/demo"),
        str(ROOT / "playbooks" / name), *arguments,
    ]  # fmt: skip
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def up(site: Site, arguments: list[str]) -> int:
    """Make the site so, and say what runs where."""
    started = time.monotonic()
    end_survivors(site)
    bundles = [sys.executable, str(ROOT / "tools/release.py"), "bundles"]
    subprocess.run(bundles, cwd=ROOT, check=True)
    code = playbook(site, "site.yml", arguments)
    table = site.state / "site.txt"
    if code == 0 and table.exists():
        print(table.read_text())
        print(f"Done in {time.monotonic() - started:.0f} s.")
    elif code:
        print(f"\ndemo: the run ended with an error; logs are in {site.state}/log", file=sys.stderr)
    return code


def destroy(site: Site, arguments: list[str]) -> int:
    """Remove the site whole."""
    end_survivors(site)
    code = playbook(site, "destroy.yml", arguments)
    if code == 0 and "--check" not in arguments:
        site.lock.unlink(missing_ok=True)
        if not os.environ.get("IOTISTIC_STATE"):  # the folder above the default one is ours
            with contextlib.suppress(OSError):
                site.lock.parent.rmdir()
    return code


def main(arguments: list[str]) -> int:
    """Read the command, take the lock, do it."""
    parser = argparse.ArgumentParser(
        prog="./run demo",
        description="Make the demo site so (default), or remove it.",
        epilog="Further arguments go to ansible-playbook, such as --check --diff.",
    )
    parser.add_argument("action", nargs="?", choices=["up", "destroy"], default="up")
    known, passed = parser.parse_known_args(arguments)
    site = site_from(dict(os.environ))
    if os.environ.get(RUN) != site.id:
        return guarded(site, arguments)
    return up(site, passed) if known.action == "up" else destroy(site, passed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
