"""The two cookies: the session's, which nobody can set for us, and the chosen theme."""

import base64
import binascii
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from falcon.asgi import Request, Response

__all__ = ["SessionCookie", "theme_of"]

_BYTES = 32
THEMES = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """``__Host-iot_<short id>``: Secure, without a domain, for the whole origin."""

    name: str

    @classmethod
    def of(cls, short_id: str) -> "SessionCookie":
        """Return the cookie of the tenant with that short id."""
        return cls(f"__Host-iot_{short_id}" if short_id else "__Host-iot")

    def read(self, req: Request) -> bytes | None:
        """Return the random bytes that the browser sent; None without exactly one such cookie."""
        sent = req.get_cookie_values(self.name)
        if not sent or len(sent) != 1:
            return None
        try:
            value = base64.urlsafe_b64decode(f"{sent[0]}=")
        except (binascii.Error, ValueError):
            return None
        return value if len(value) == _BYTES else None

    def renew(self, resp: Response) -> bytes:
        """Give the browser a new random cookie, and return its bytes."""
        value = secrets.token_bytes(_BYTES)
        text = base64.urlsafe_b64encode(value).rstrip(b"=").decode()
        resp.set_cookie(self.name, text, secure=True, http_only=True, same_site="Lax", path="/")
        return value

    def forget(self, resp: Response) -> None:
        """Have the browser drop the cookie."""
        resp.set_cookie(
            self.name,
            "",
            expires=datetime(2000, 1, 1, tzinfo=UTC),
            secure=True,
            http_only=True,
            same_site="Lax",
            path="/",
        )


def theme_of(req: Request) -> str:
    """Return the theme that the browser chose."""
    sent = req.cookies.get("theme", "auto")
    return sent if sent in THEMES else "auto"
