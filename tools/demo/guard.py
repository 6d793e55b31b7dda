"""One run of a site at a time, and nothing of it left when it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .site import Site

__all__ = ["PROGRAMS", "ROOT", "SUPERVISED", "guarded", "is_guarded", "tidy"]

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
SUPERVISED = "IOTISTIC_SUPERVISED"
GUARDED = "IOTISTIC_GUARD_LOCK"


def is_guarded(site: Site) -> bool:
    """Return whether this process runs under the guard of this site's lock."""
    return os.environ.get(GUARDED) == str(site.lock)


def guarded(site: Site, arguments: Sequence[str]) -> int:
    """Run this program again under the guard, which holds the site's lock; return its exit code.

    The guard ends everything that the run started, except what the supervisor runs. What a killed
    guard left is ended by the next one.
    """
    try:
        site.lock.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"demo: no site can be at {site.state}: {error}", file=sys.stderr)
        return 2
    command = [
        str(PROGRAMS / "iotistic-guard"), "--lock", str(site.lock), "--spare", SUPERVISED,
        "--parent", str(os.getpid()), "--", sys.executable, "-m", "tools.demo", *arguments,
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT) as guard:  # a waiting one bears no mark
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda got, _frame: guard.send_signal(got))
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # the guard got it as well
                return guard.wait()


def tidy(site: Site) -> None:
    """Remove the lock, which we hold, when there is no folder beside it."""
    if site.state.exists():
        return
    site.lock.unlink(missing_ok=True)
    if not os.environ.get("IOTISTIC_STATE"):  # the folder above the default one is ours
        with contextlib.suppress(OSError):
            site.lock.parent.rmdir()
