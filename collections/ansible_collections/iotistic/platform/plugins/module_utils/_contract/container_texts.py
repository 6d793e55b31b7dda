# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Texts with a form of their own in a container's configuration."""

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated

from .errors import ContractError
from .volumes import check_path

__all__ = [
    "Address",
    "Capability",
    "DevicePath",
    "ExtraHost",
    "Hostname",
    "LogDriver",
    "NetworkMode",
    "Restart",
    "Signal",
    "Tmpfs",
    "User",
]


def _matches(pattern: str, what: str) -> Callable[[str], None]:
    expression = re.compile(pattern, re.ASCII)

    def check(text: str) -> None:
        if not expression.fullmatch(text):
            raise ContractError("", f"not {what}")

    return check


def _check_address(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ContractError("", "not an IP address") from None


def _check_extra_host(text: str) -> None:
    name, _, address = text.partition(":")
    _HOSTNAME(name)
    if address != "host-gateway":
        _check_address(address.strip("[]"))


def _check_device(text: str) -> None:
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not re.fullmatch("r?w?m?", parts[2] if parts[2:] else "r"):
        raise ContractError("", "not a device such as /dev/ttyUSB0 or /dev/i2c-1:/dev/i2c-1:rw")
    for path in parts[:2]:
        check_path(path)


def _check_tmpfs(text: str) -> None:
    path, _, options = text.partition(":")
    check_path(path)
    if not re.fullmatch(r"[a-z0-9=,%]*", options):
        raise ContractError("", "not a tmpfs such as /run or /run:size=16m,mode=1777")


_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = _matches(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*", "a host name")
Hostname = Annotated[str, _HOSTNAME]
Capability = Annotated[str, _matches("(CAP_)?[A-Z][A-Z_]{1,30}", "a capability such as NET_ADMIN")]
NetworkMode = Annotated[
    str,
    _matches(
        "none|bridge|host|(container|service):[A-Za-z0-9][A-Za-z0-9._-]{0,127}",
        "none, bridge, host, service:<name> or container:<name>",
    ),
]
Restart = Annotated[
    str,
    _matches(
        r"no|always|unless-stopped|on-failure(:[1-9]\d{0,3})?",
        "no, always, unless-stopped or on-failure[:<tries>]",
    ),
]
User = Annotated[
    str,
    _matches(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,31})?", "a user"),
]
Signal = Annotated[
    str,
    _matches(r"SIG[A-Z]{2,7}[0-9]?|SIGRTM(IN|AX)[+-]\d{1,2}|[1-9]\d?", "a signal such as SIGTERM"),
]
Address = Annotated[str, _check_address]
DevicePath = Annotated[str, _check_device]
ExtraHost = Annotated[str, _check_extra_host]
LogDriver = Annotated[str, _matches("[a-z][a-z0-9-]{0,31}", "a log driver's name")]
Tmpfs = Annotated[str, _check_tmpfs]
