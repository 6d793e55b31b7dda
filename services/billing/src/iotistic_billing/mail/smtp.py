"""Mail by SMTP: encrypted, or to this machine."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from iotistic_kit.errors import StopError
from iotistic_kit.worker import GiveUpError

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

    from iotistic_billing.domain.mail import Letter

__all__ = ["SmtpServer", "SmtpSink", "server_from", "tls_context"]

TIMEOUT = 20.0
_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}
_REFUSED_FOR_GOOD = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where mail goes: ``smtp`` begins TLS at once after the greeting, ``smtps`` before it."""

    scheme: str
    host: str
    port: int
    user: str
    password: str


def server_from(url: str) -> SmtpServer:
    """Return what an ``SMTP_URL`` says; StopError, which never repeats it, when it is wrong."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise StopError("SMTP_URL: not a URL") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise StopError("SMTP_URL: smtp://, smtps:// or smtp+plain:// with user, password and host")
    if parts.scheme == "smtp+plain" and not _is_here(parts.hostname):
        raise StopError("SMTP_URL: smtp+plain:// is for this machine's own addresses only")
    return SmtpServer(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return what verifies the server, by ``ca_file`` or else as the machine does."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise StopError(f"SMTP_CA_FILE: {ca_file}: {error.strerror}") from None


class SmtpSink:
    """Hands mail to a server."""

    def __init__(
        self, server: SmtpServer, context: ssl.SSLContext, *, timeout: float = TIMEOUT
    ) -> None:
        self._server = server
        self._context = context
        self._timeout = timeout

    async def send(self, _letter: Letter, message: EmailMessage) -> None:
        """Send the mail; GiveUpError when the server refuses it for good, else what went wrong."""
        try:
            await asyncio.to_thread(self._send, message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            if min(codes, default=0) >= _REFUSED_FOR_GOOD:
                raise GiveUpError(f"the mail server refuses the recipient ({codes[0]})") from None
            raise
        except smtplib.SMTPDataError as error:
            if error.smtp_code >= _REFUSED_FOR_GOOD:
                raise GiveUpError(f"the mail server refuses the mail ({error.smtp_code})") from None
            raise

    def _send(self, message: EmailMessage) -> None:
        server = self._server
        with self._connected() as client:
            if server.scheme == "smtp":
                client.starttls(context=self._context)
            if server.user:
                client.login(server.user, server.password)
            client.send_message(message, to_addrs=[message["To"].addresses[0].addr_spec])

    def _connected(self) -> smtplib.SMTP:
        server, timeout = self._server, self._timeout
        if server.scheme == "smtps":
            return smtplib.SMTP_SSL(
                server.host, server.port, timeout=timeout, context=self._context
            )
        return smtplib.SMTP(server.host, server.port, timeout=timeout)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
