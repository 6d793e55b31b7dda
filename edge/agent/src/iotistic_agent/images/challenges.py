"""What a registry asks for with 401: the header WWW-Authenticate (RFC 9110, RFC 6750); pure."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

__all__ = ["Bearer", "asks_for_basic", "bearer_challenge"]

_SCHEME = re.compile(r"(?:^|,)\s*(?P<scheme>[A-Za-z]+)(?=\s+[A-Za-z]+=|\s*$|\s*,)")
_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')


@dataclass(frozen=True, slots=True)
class Bearer:
    """Where a token is had, and for what."""

    realm: str
    service: str | None
    scope: str | None

    def url(self, default_scope: str) -> str:
        """Return the address to ask for the token."""
        asked = {"service": self.service, "scope": self.scope or default_scope}
        query = urlencode({name: text for name, text in asked.items() if text})
        return f"{self.realm}{'&' if urlsplit(self.realm).query else '?'}{query}"


def bearer_challenge(header: str) -> Bearer | None:
    """Return the challenge of the scheme Bearer, None when there is none that can be answered."""
    parameters = _parameters(header, "bearer")
    if parameters is None or "realm" not in parameters:
        return None
    return Bearer(parameters["realm"], parameters.get("service"), parameters.get("scope"))


def asks_for_basic(header: str) -> bool:
    """Tell whether user and password are taken as they are."""
    return _parameters(header, "basic") is not None


def _parameters(header: str, scheme: str) -> dict[str, str] | None:
    """Return the parameters of one scheme's challenge."""
    starts = [(found.group("scheme").lower(), found.end()) for found in _SCHEME.finditer(header)]
    for place, (name, begin) in enumerate(starts):
        if name == scheme:
            end = starts[place + 1][1] if place + 1 < len(starts) else len(header)
            found = _PARAMETER.finditer(header[begin:end])
            return {each[1].lower(): each[2] if each[3] is None else each[3] for each in found}
    return None
