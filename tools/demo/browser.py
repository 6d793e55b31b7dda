"""`open`: a browser that trusts this site's certificates, and changes nobody else's trust."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .api import Api
from .invitation import mail_folder, newest_invitation
from .parts import UnknownNameError, parts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .site import Site

__all__ = ["BILLING", "Browser", "open_page", "split"]

BILLING = "billing"
NICKNAME = "iotistic site"
USAGE = """\
usage: ./run demo open [TENANT | billing] [-- CHROMIUM-ARGUMENT ...]

Opens a tenant's dashboard (the first tenant's), or billing's page for sign-up, in Chromium with a
home and a profile below the site's folder. That profile trusts the site's root certificate; no
other profile, user or program does. Without a display it prints what other browsers need."""


@dataclass(frozen=True)
class Browser:
    """Chromium with a home of its own, below the site's folder; it goes with the site."""

    home: Path
    root_ca: Path
    site_id: str

    def trust(self) -> None:
        """Have the profile's certificate database hold this site's root, and just that one."""
        database = self.home / ".pki/nssdb"
        if not database.exists():
            self.home.mkdir(mode=0o700, exist_ok=True)
            database.mkdir(mode=0o700, parents=True)
            _certutil(database, "-N", "--empty-password")
        _certutil(database, "-D", "-n", NICKNAME, check=False)
        _certutil(database, "-A", "-t", "C,,", "-n", NICKNAME, "-i", str(self.root_ca))

    def page(self, url: str) -> str:
        """Return what to open for a secret address: a file, for arguments are seen by all."""
        path = self._page
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f'<!doctype html><meta http-equiv="refresh" content="0; url={url}">\n')
        return path.as_uri()

    def run(self, page: str, arguments: Sequence[str]) -> int:
        """Run it until its window is closed; return its exit code."""
        command = [
            "chromium", f"--user-data-dir={self.home}/profile", "--no-first-run",
            "--no-default-browser-check", *arguments, page,
        ]  # fmt: skip
        environment = _own_environment(os.environ, self.home) | {"IOTISTIC_SITE": self.site_id}
        try:
            return subprocess.run(command, env=environment, check=False).returncode
        finally:
            self._page.unlink(missing_ok=True)

    @property
    def _page(self) -> Path:
        return self.home / "open.html"


def open_page(site: Site, arguments: Sequence[str]) -> int:
    """Open a page of the site, or say what a browser needs for it."""
    names, passed = split(arguments)
    if names in (["-h"], ["--help"]) or len(names) > 1:
        print(USAGE)
        return 0 if len(names) == 1 else 2
    site.require()
    name = names[0] if names else None
    url, invitation = _address(site, name)
    headless = any(argument.startswith("--headless") for argument in passed)
    if not headless and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        _tell(site, url, "There is no display to open a browser on.", invited=bool(invitation))
        return 0
    if not (shutil.which("chromium") and shutil.which("certutil")):
        _tell(site, url, "Chromium or certutil is missing.", invited=bool(invitation))
        return 1
    if os.geteuid() == 0 and "--no-sandbox" not in passed:
        reason = (
            "Chromium has no sandbox when root runs it: a page that breaks it is root. To accept\n"
            f"that for this site's pages: ./run demo open {name or ''} -- --no-sandbox"
        )
        _tell(site, url, reason, invited=bool(invitation))
        return 1
    browser = Browser(site.state / "browser", site.root_ca, site.id)
    browser.trust()
    if invitation:
        print(f"Opening the owner's invitation to {url}", file=sys.stderr)
    return browser.run(browser.page(invitation) if invitation else url, passed)


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what stands before ``--`` and what stands behind it."""
    given = list(arguments)
    at = given.index("--") if "--" in given else len(given)
    return given[:at], given[at + 1 :]


def _address(site: Site, name: str | None) -> tuple[str, str | None]:
    """Return the page, and the address of an unused invitation to it, which is secret."""
    parts = parts_of(site)
    if name == BILLING:
        if parts.billing is None:
            raise UnknownNameError("page", BILLING, [])
        return f"{parts.billing}/sign-up", None
    tenant = parts.tenant(name)
    return tenant.dashboard, newest_invitation(site, tenant, Api(tenant.url, site.tls()))


def _tell(site: Site, url: str, reason: str, *, invited: bool) -> None:
    print(f"{reason}\n\nThe page is {url}")
    if invited:
        print("An invitation for its owner is waiting: its link is in the newest mail in\n"
              f"{mail_folder(site)} (keep it to yourself)")  # fmt: skip
    print(
        f"A browser trusts it once it has imported, as an authority for websites,\n{site.root_ca}"
    )


def _own_environment(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the environment with this home, and without folders of the user's other programs."""
    theirs = {"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"}
    kept = {name: value for name, value in environment.items() if name not in theirs}
    return kept | {"HOME": str(home)}


def _certutil(database: Path, *arguments: str, check: bool = True) -> None:
    command = ["certutil", "-d", f"sql:{database}", *arguments]
    subprocess.run(command, check=check, capture_output=True)
