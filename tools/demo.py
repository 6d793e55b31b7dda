"""The demo site: `./run demo` makes it so, `./run demo destroy` removes it.

One run of a site at a time: `iotistic-guard` holds the site's lock and ends everything that the run
started when the run ends, however it ends. What a killed guard left is ended by the next one.
"""

from __future__ import annotations

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
GUARDED = "IOTISTIC_GUARD_LOCK"
SUPERVISED = "IOTISTIC_SUPERVISED"
USAGE = """\
usage: ./run demo [up | destroy] [ARGUMENT ...]

Makes the demo site so (up, the default), or removes it. Further arguments go to ansible-playbook,
such as --check --diff."""


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


class UsageError(Exception):
    """The arguments name no action; ``str()`` says what there is."""


def site_from(environment: dict[str, str]) -> Site:
    """Return the site that IOTISTIC_STATE and IOTISTIC_NET name, or the default one."""
    home = environment.get("HOME", "/")
    default = (
        "/var/lib/iotistic/demo" if os.geteuid() == 0 else f"{home}/.local/state/iotistic/demo"
    )
    state = Path(environment.get("IOTISTIC_STATE") or default)
    net = environment.get("IOTISTIC_NET") or "127.77.0.0/24"
    return Site(Path(os.path.realpath(state)), net)


def action_from(arguments: list[str]) -> tuple[str, list[str]]:
    """Return the action, which only the first argument can name, and what goes to Ansible."""
    first = arguments[0] if arguments else ""
    if first in ACTIONS:
        return first, arguments[1:]
    if first and not first.startswith("-"):
        raise UsageError(f"demo: there is no action {first}\n{USAGE}")
    return "up", arguments


def guarded(site: Site, arguments: list[str]) -> int:
    """Run this program again under the guard, which holds the site's lock."""
    try:
        site.lock.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"demo: no site can be at {site.state}: {error}", file=sys.stderr)
        return 2
    command = [
        str(PROGRAMS / "iotistic-guard"), "--lock", str(site.lock), "--spare", SUPERVISED,
        "--parent", str(os.getpid()), "--", sys.executable, str(Path(__file__)), *arguments,
    ]  # fmt: skip
    with subprocess.Popen(command) as guard:  # the mark is the inner run's: a waiting one has none
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda got, _frame: guard.send_signal(got))
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # the guard got it as well
                return guard.wait()


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
    bundles = [sys.executable, str(ROOT / "tools/release.py"), "bundles"]
    subprocess.run(bundles, cwd=ROOT, check=True)
    code = playbook(site, "site.yml", arguments)
    table = site.state / "site.txt"
    if code == 0 and table.exists():
        print(table.read_text())
        print(f"Done in {time.monotonic() - started:.0f} s.")
    elif code:
        logs = f"; logs are in {site.state}/log" if (site.state / "log").exists() else ""
        print(f"\ndemo: the run ended with an error{logs}", file=sys.stderr)
    return code


def destroy(site: Site, arguments: list[str]) -> int:
    """Remove the site whole."""
    return playbook(site, "destroy.yml", arguments)


def tidy(site: Site) -> None:
    """Remove the lock, which we hold, when there is no folder beside it."""
    if site.state.exists():
        return
    site.lock.unlink(missing_ok=True)
    if not os.environ.get("IOTISTIC_STATE"):  # the folder above the default one is ours
        with contextlib.suppress(OSError):
            site.lock.parent.rmdir()


ACTIONS = {"up": up, "destroy": destroy}


def main(arguments: list[str]) -> int:
    """Read the command, take the lock, do it."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE)
        return 0
    try:
        action, passed = action_from(arguments)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    site = site_from(dict(os.environ))
    if os.environ.get(GUARDED) != str(site.lock):
        return guarded(site, arguments)
    try:
        return ACTIONS[action](site, passed)
    finally:
        tidy(site)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
