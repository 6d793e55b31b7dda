"""Where a demo site is: its folder, its addresses, its id, and what the folder says of it."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NoSiteError", "Site", "site_from"]

MACHINE_ENGINE = Path("/var/run/docker.sock")


class NoSiteError(Exception):
    """There is no site in the folder; ``str()`` says what to do."""


@dataclass(frozen=True)
class Site:
    """A site on this machine: its folder and its loopback addresses."""

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

    @property
    def exists(self) -> bool:
        """Whether the folder is a site's."""
        return (self.state / "site.json").is_file()

    def require(self) -> None:
        """Raise NoSiteError unless the folder is a site's."""
        if not self.exists:
            raise NoSiteError(f"no site is at {self.state}: ./run demo makes one")

    @cached_property
    def run(self) -> Path:
        """The folder of its sockets, as the site wrote it down."""
        facts: dict[str, Any] = json.loads((self.state / "site.json").read_text())
        return Path(facts["run"])

    @property
    def log(self) -> Path:
        """The folder with a log of each process."""
        return self.state / "log"

    @property
    def root_ca(self) -> Path:
        """The certificate that all of the site's are signed by."""
        return self.state / "pki/root/ca.pem"

    @property
    def supervisor_socket(self) -> Path:
        """Where the supervisor listens."""
        return self.run / "supervisor.sock"

    @property
    def supervisor_configuration(self) -> Path:
        """What the supervisor is started from."""
        return self.state / "supervisor/supervisord.conf"

    @property
    def engine_socket(self) -> Path:
        """Where the Docker Engine listens: the site's own where it has one, else the machine's."""
        own = self.state / "supervisor/conf.d/dockerd.conf"
        return self.run / "docker.sock" if own.exists() else MACHINE_ENGINE

    def secret(self, name: str) -> str:
        """Return one of the site's secrets."""
        return (self.state / "secrets" / name).read_text().strip()

    def tls(self) -> ssl.SSLContext:
        """Return what trusts this site's certificates, and no others."""
        return ssl.create_default_context(cafile=str(self.root_ca))

    def setting(self, program: str, name: str) -> str | None:
        """Return one variable of a program's environment, or None."""
        path = self.state / f"supervisor/env/{program}.env"
        lines = path.read_text().splitlines() if path.exists() else []
        found = (line.partition("=") for line in lines)
        return next((value for key, _, value in found if key == name), None)


def site_from(environment: Mapping[str, str]) -> Site:
    """Return the site that IOTISTIC_STATE and IOTISTIC_NET name, or the default one."""
    home = environment.get("HOME", "/")
    default = (
        "/var/lib/iotistic/demo" if os.geteuid() == 0 else f"{home}/.local/state/iotistic/demo"
    )
    state = Path(environment.get("IOTISTIC_STATE") or default)
    net = environment.get("IOTISTIC_NET") or "127.77.0.0/24"
    return Site(Path(os.path.realpath(state)), net)
