"""The folder that this agent is installed in: releases side by side, links, the trial's note."""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Self

from iotistic_agent.faults import UpgradeLater
from iotistic_contract.planning.agent_update import Link, Releases, Trial
from iotistic_pki.files import exclusive, sync_folder, write_atomic

__all__ = ["COMPLETE", "Program"]

COMPLETE = "complete"
_ENVIRONMENT = "pyvenv.cfg"
_NOTE = ".trial"
_LOCK = ".lock"


class Program:
    """Releases of the agent below ``folder``; ``running`` is the version of this process."""

    def __init__(self, folder: Path, running: str) -> None:
        self.folder = folder
        self.running = running

    @classmethod
    def here(cls, prefix: Path | None = None) -> Self | None:
        """Return where this process was installed, None when that isn't side by side.

        ``prefix`` is the environment of its Python.
        """
        own = Path(sys.prefix) if prefix is None else prefix
        there = (own / COMPLETE).exists() and (own.parent / Link.CURRENT).is_symlink()
        return cls(own.parent, own.name) if there else None

    def read(self) -> Releases:
        """Return what is there."""
        current = self._named(Link.CURRENT)
        return Releases(
            current=self.running if current is None else current,
            new=self._named(Link.NEW),
            previous=self._named(Link.PREVIOUS),
            whole=frozenset(path.parent.name for path in self.folder.glob(f"*/{COMPLETE}"))
            - frozenset(Link),
            trial=self._trial(),
        )

    def released(self, version: str) -> str | None:
        """Return the digits of an installed release's time, None when nobody noted them."""
        with suppress(OSError, UnicodeDecodeError):
            text = (self.folder / version / COMPLETE).read_text("ascii").strip()
            return text if text.isdigit() and len(text) == 14 else None
        return None

    def executable(self, version: str) -> Path:
        """Return the program of a release."""
        return self.folder / version / "bin/iotistic-agent"

    def note(self, trial: Trial) -> None:
        """Write down how a trial goes."""
        write_atomic(self.folder / _NOTE, json.dumps(asdict(trial)).encode(), 0o600)

    def point(self, link: Link, version: str) -> None:
        """Let a link name a version, at one stroke and for good."""
        beside = self.folder / f".{link}.new"
        beside.unlink(missing_ok=True)
        beside.symlink_to(version)
        beside.replace(self.folder / link)
        sync_folder(self.folder)

    def drop(self) -> None:
        """Remove the link `new`."""
        (self.folder / Link.NEW).unlink(missing_ok=True)
        sync_folder(self.folder)

    def prune(self) -> None:
        """Remove the releases that no link names, and the one that doesn't run."""
        named = {self._named(link) for link in Link} | {self.running, *Link}
        for path in self.folder.glob(f"*/{_ENVIRONMENT}"):
            if path.parent.name not in named:
                (path.parent / COMPLETE).unlink(missing_ok=True)
                shutil.rmtree(path.parent)

    @contextmanager
    def alone(self, *, wait: bool = False) -> Iterator[None]:
        """Keep the install script out; UpgradeLater when it is at work and not ``wait``."""
        try:
            with exclusive(self.folder / _LOCK, wait=wait):
                yield
        except BlockingIOError:
            raise UpgradeLater("another install is at work") from None

    def _named(self, link: Link) -> str | None:
        path = self.folder / link
        return path.readlink().name if path.is_symlink() else None

    def _trial(self) -> Trial | None:
        with suppress(OSError, ValueError, TypeError):
            return Trial(**json.loads((self.folder / _NOTE).read_bytes()))
        return None
