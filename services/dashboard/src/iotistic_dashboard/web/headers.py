"""Headers of every answer: nothing from elsewhere, nothing inline, no frame around it."""

from typing import Any

from falcon.asgi import Request, Response

__all__ = ["POLICY", "SecurityHeaders"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Strict-Transport-Security": "max-age=31536000",
}


class SecurityHeaders:
    """Middleware that sets them, and forbids to keep what says nothing about it."""

    async def process_response(
        self,
        _req: Request,
        resp: Response,
        _resource: Any,
        _succeeded: bool,  # noqa: FBT001
    ) -> None:
        """Set the headers."""
        for name, value in _HEADERS.items():
            resp.set_header(name, value)
        if resp.get_header("Cache-Control") is None:
            resp.set_header("Cache-Control", "no-store")
