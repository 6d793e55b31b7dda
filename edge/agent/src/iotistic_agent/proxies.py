"""Which proxy a connection goes through: HTTPS_PROXY and NO_PROXY as values; pure."""

import base64
import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

__all__ = ["NO_PROXIES", "Proxies", "Proxy", "proxies_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP proxy that is asked to CONNECT; ``headers`` hold its credentials."""

    host: str
    port: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """The proxy for TLS connections, and which hosts are reached without it."""

    proxy: Proxy | None = None
    without: tuple[str, ...] = ()

    def to(self, host: str, port: int) -> Proxy | None:
        """Return the proxy toward ``host``, None for the direct way."""
        direct = any(_matches(rule, host.lower().rstrip("."), port) for rule in self.without)
        return None if direct else self.proxy


NO_PROXIES = Proxies()


def proxies_of(words: Mapping[str, str]) -> Proxies:
    """Return what the environment says; ValueError for a proxy that isn't ``http://host:port``.

    ``HTTPS_PROXY``, else ``ALL_PROXY``; small letters count too and come first. ``NO_PROXY`` lists
    hosts, domains (their hosts too), addresses, networks (``10.0.0.0/8``), each with a port or
    without; ``*`` is every host.
    """
    found = _word(words, "https_proxy") or _word(words, "all_proxy")
    rules = tuple(rule.strip().lower() for rule in _word(words, "no_proxy").split(","))
    return Proxies(
        proxy=_proxy(found) if found else None, without=tuple(rule for rule in rules if rule)
    )


def _word(words: Mapping[str, str], name: str) -> str:
    return (words.get(name) or words.get(name.upper()) or "").strip()


def _proxy(text: str) -> Proxy:
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme != "http" or not parts.hostname or parts.path.strip("/"):
        raise ValueError("only http://host:port is taken")
    headers = {}
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(host=parts.hostname, port=parts.port or 80, headers=headers)


def _matches(rule: str, host: str, port: int) -> bool:
    if rule == "*":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host) in ipaddress.ip_network(rule, strict=False)
    name, _, number = rule.rpartition(":")
    if name and number.isdecimal() and name.count(":") == 0:
        if int(number) != port:
            return False
        rule = name
    name = rule.removeprefix("*").lstrip(".").strip("[]")
    return host == name or host.endswith(f".{name}")
