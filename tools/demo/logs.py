"""`logs`: what the site's programs wrote, and write."""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .parts import parts_of
from .text import columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import BufferedReader
    from pathlib import Path

    from .parts import Parts
    from .site import Site

__all__ = ["Tail", "last_lines", "logs", "names_of"]

PAUSE = 0.2
BLOCK = 65536


def logs(site: Site, arguments: Sequence[str]) -> int:
    """Print the last lines of programs' logs, and with -f what they write from now on."""
    parser = argparse.ArgumentParser(prog="./run demo logs", description=logs.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a program, a device or a tenant")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("-n", "--lines", type=int, default=20, help="how many of each (20)")
    chosen = parser.parse_args(arguments)
    site.require()
    parts, there = parts_of(site), sorted(path.stem for path in site.log.glob("*.log"))
    programs: list[str] = []
    for name in chosen.names or there:
        found = names_of(parts, there, name)
        if not found:
            print(f"demo: no log is called {name}; there are:", file=sys.stderr)
            print(columns(_all_names(parts, there)), file=sys.stderr)
            return 2
        programs += [program for program in found if program not in programs]
    _print(site, programs, max(0, chosen.lines), follow=chosen.follow)
    return 0


def names_of(parts: Parts, there: Sequence[str], name: str) -> list[str]:
    """Return the programs that a name stands for: itself, a device's, a tenant's, none.

    A tenant's program may be called by the tenant's name, too: ``acme-api``.
    """
    by_name = {device.name: device.program for device in parts.devices}
    if name in there:
        return [name]
    if by_name.get(name) in there:
        return [by_name[name]]
    for tenant in parts.tenants:
        if name == tenant.name:
            return [program for program in there if program.startswith(f"{tenant.short_id}-")]
        called = name.replace(f"{tenant.name}-", f"{tenant.short_id}-", 1)
        if called in there:
            return [called]
    return []


def last_lines(path: Path, count: int) -> tuple[list[bytes], int]:
    """Return a file's last lines and where they end; reads no more of it than it must."""
    with path.open("rb") as file:
        end = at = file.seek(0, 2)
        tail = b""
        while at and tail.count(b"\n") <= count:
            size = min(BLOCK, at)
            at = file.seek(at - size)
            tail = file.read(size) + tail
    return tail.splitlines()[-count:] if count else [], end


@dataclass
class Tail:
    """Reads what is added to a log, also when the supervisor puts a new file in its place.

    ``close()`` it when it is of no more use.
    """

    path: Path
    file: BufferedReader
    rest: bytes = b""

    @classmethod
    def at(cls, path: Path, offset: int) -> Tail:
        """Begin at an offset."""
        file = path.open("rb")
        file.seek(offset)
        return cls(path, file)

    def news(self) -> Iterator[bytes]:
        """Yield the whole lines that were added since the last call."""
        yield from self._added()
        try:
            new = self.path.stat()
            old = os.fstat(self.file.fileno())
            if new.st_ino == old.st_ino and new.st_size >= self.file.tell():
                return
            file = self.path.open("rb")
        except FileNotFoundError:  # it is between two files: the next call finds the new one
            return
        yield from self._added()
        self.file.close()
        self.file = file
        yield from self._added()

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def _added(self) -> Iterator[bytes]:
        *lines, self.rest = (self.rest + self.file.read()).split(b"\n")
        yield from lines


def _print(site: Site, programs: Sequence[str], count: int, *, follow: bool) -> None:
    width = max((len(name) for name in programs), default=0)
    heads = {name: f"{name:<{width}}  " if len(programs) > 1 else "" for name in programs}
    tails = {}
    for name in programs:
        path = site.log / f"{name}.log"
        lines, end = last_lines(path, count)
        _write(heads[name], lines)
        if follow:
            tails[name] = Tail.at(path, end)
    while follow:
        for name, tail in tails.items():
            _write(heads[name], tail.news())
        time.sleep(PAUSE)


def _write(head: str, lines: Iterator[bytes] | list[bytes]) -> None:
    for line in lines:
        sys.stdout.write(f"{head}{line.decode(errors='replace')}\n")
    sys.stdout.flush()


def _all_names(parts: Parts, there: Sequence[str]) -> list[str]:
    tenants = [tenant.name for tenant in parts.tenants]
    return sorted({*there, *tenants, *(device.name for device in parts.devices)})
