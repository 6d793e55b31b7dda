# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Published ports: ``[hostIp:]hostPort:containerPort[/tcp|udp]``."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Self, cast

from .errors import ContractError

__all__ = ["Port", "Protocol"]

Protocol = Literal["tcp", "udp"]
_PORT = re.compile(
    r"(?:(?P<ip>\[[0-9A-Fa-f:.]+\]|[0-9.]+):)?(?P<host>\d{1,5}):(?P<container>\d{1,5})"
    r"(?:/(?P<protocol>tcp|udp))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Port:
    """One published port; ``host_ip`` None is the device's own default address."""

    host_port: int
    container_port: int
    host_ip: str | None = None
    protocol: Protocol = "tcp"
    wire_schema: ClassVar[Mapping[str, object]] = {
        "type": "string",
        "examples": ["8080:80", "127.0.0.1:53:53/udp"],
    }

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """Return the port that ``value`` writes; raises ``ContractError``."""
        if not isinstance(value, str):
            raise ContractError(
                "", "a port is text such as 8080:80 or 127.0.0.1:53:53/udp; quote it"
            )
        found = _PORT.fullmatch(value)
        if found is None:
            raise ContractError("", "not a port such as 8080:80 or 127.0.0.1:53:53/udp")
        return cls(
            host_port=_number(found["host"]),
            container_port=_number(found["container"]),
            host_ip=_address(found["ip"]),
            protocol=cast("Protocol", found["protocol"] or "tcp"),
        )

    def to_wire(self) -> str:
        """Return the text that ``from_wire`` reads as this; tcp is not said."""
        ip = f"[{self.host_ip}]" if ":" in (self.host_ip or "") else self.host_ip
        protocol = "" if self.protocol == "tcp" else f"/{self.protocol}"
        return f"{ip}:" * bool(ip) + f"{self.host_port}:{self.container_port}{protocol}"

    def meets(self, other: "Port") -> bool:
        """Return whether both can't be published on one device at once."""
        if (self.host_port, self.protocol) != (other.host_port, other.protocol):
            return False
        return self.host_ip == other.host_ip or _wild(self.host_ip) or _wild(other.host_ip)


def _wild(address: str | None) -> bool:
    return address is None or ipaddress.ip_address(address).is_unspecified


def _number(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65535:
        raise ContractError("", f"port {number} is not between 1 and 65535")
    return number


def _address(text: str | None) -> str | None:
    try:
        return str(ipaddress.ip_address(text.strip("[]"))) if text else None
    except ValueError:
        raise ContractError("", "the part before the ports is no IP address") from None
