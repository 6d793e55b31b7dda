"""Which proxy a request goes through, as the usual variables say; pure."""

import ipaddress
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

__all__ = ["NO_PROXIES", "Proxies", "Proxy", "parse_proxies"]


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that is spoken to in plain HTTP; ``authorization`` is its header's text."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What the proxy wants with a request."""
        told = self.authorization
        return {} if told is None else {"Proxy-Authorization": told}


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxy for each scheme, and the hosts that are reached without."""

    https: Proxy | None = None
    http: Proxy | None = None
    without: tuple[str, ...] = ()

    def for_host(self, scheme: str, host: str) -> Proxy | None:
        """Return the proxy to ``name[:port]``, None for a direct connection."""
        proxy = self.https if scheme == "https" else self.http
        if proxy is None or any(_covers(each, host) for each in self.without):
            return None
        return proxy

    def to(self, name: str, port: int) -> Proxy | None:
        """Return the proxy for TLS to a host and port, None for a direct connection."""
        return self.for_host("https", f"[{name}]:{port}" if ":" in name else f"{name}:{port}")


NO_PROXIES = Proxies()


def parse_proxies(words: Mapping[str, str]) -> Proxies:
    """Read HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in either case; ValueError names what is wrong."""
    without = words.get("NO_PROXY") or words.get("no_proxy") or ""
    return Proxies(
        https=_proxy(words, "HTTPS_PROXY"),
        http=_proxy(words, "HTTP_PROXY"),
        without=tuple(each.strip().lower() for each in without.split(",") if each.strip()),
    )


def _proxy(words: Mapping[str, str], name: str) -> Proxy | None:
    text = words.get(name) or words.get(name.lower())
    if not text:
        return None
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        port = parts.port or 80
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port:
        raise ValueError(f"{name}: http://[user:password@]host[:port] is taken")
    authorization = None
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {b64encode(login.encode()).decode('ascii')}"
    return Proxy(parts.hostname, port, authorization)


def _covers(rule: str, host: str) -> bool:
    """Tell whether a word of NO_PROXY (``*``, name, domain, address, net) means the host."""
    parts = urlsplit(f"//{host.lower()}")
    name = parts.hostname or ""
    if rule in ("*", host.lower(), name):
        return True
    try:
        return ipaddress.ip_address(name) in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return name.endswith("." + rule.removeprefix("*").lstrip("."))
