"""User and password for a registry, from a file such as ``docker login`` writes."""

import binascii
import stat
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from iotistic_agent.faults import PullFault
from iotistic_contract.codec import parse_json
from iotistic_contract.errors import ContractFault

__all__ = ["Login", "login_for"]

_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


@dataclass(frozen=True, slots=True)
class Login:
    """Who the device is at a registry."""

    user: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The header's text."""
        return f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode('ascii')}"


def login_for(registry: str, file: Path | None) -> Login | None:
    """Return the login for ``host[:port]``, None when the file names none.

    PullFault when the file can't be read, or when others than its owner can.
    """
    if file is None:
        return None
    try:
        mode = file.stat().st_mode
        content = file.read_bytes()
    except OSError as exc:
        raise PullFault(f"REGISTRY_AUTH_FILE {file}: {exc.strerror}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise PullFault(f"REGISTRY_AUTH_FILE {file} is open to others: chmod 600 {file}")
    for name, entry in _entries(content, file).items():
        if _host(name) == registry or {_host(name), registry} <= _HUB:
            return _login(entry, name, file)
    return None


def _entries(content: bytes, file: Path) -> Mapping[str, object]:
    try:
        document = parse_json(content)
    except ContractFault as exc:
        raise PullFault(f"REGISTRY_AUTH_FILE {file}: {exc}") from None
    auths = document.get("auths") if isinstance(document, Mapping) else None
    if not isinstance(auths, Mapping):
        raise PullFault(f'REGISTRY_AUTH_FILE {file}: {{"auths": {{"HOST": …}}}} is expected')
    return auths


def _host(name: str) -> str:
    """Return the host of a key, which may be a whole address such as Docker Hub's."""
    return name.partition("://")[2].partition("/")[0] or name.partition("/")[0]


def _login(entry: object, name: str, file: Path) -> Login:
    known = entry if isinstance(entry, Mapping) else {}
    user, password = known.get("username"), known.get("password")
    if isinstance(auth := known.get("auth"), str) and auth:
        try:
            user, _, password = b64decode(auth, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = password = None
    if isinstance(user, str) and isinstance(password, str) and user:
        return Login(user, password)
    raise PullFault(
        f"REGISTRY_AUTH_FILE {file}: {name} needs auth (base64 of user:password),"
        " or username and password"
    )
