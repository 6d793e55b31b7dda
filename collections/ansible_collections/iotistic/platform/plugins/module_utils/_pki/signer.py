# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The signing process of one CA: sole holder of its key, behind a unix socket.

It signs the CRL when it starts and again before half of its life is over, so that a broker never
holds one past its next update.
"""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .authority import Authority
from .certificates import pem
from .crl import Crl
from .errors import PkiFault
from .files import exclusive
from .profiles import LEAF_DAYS, Profile, client, server, service
from .signer_client import MOST_LINE_BYTES, SignerClient

__all__ = ["Signer", "SignerClient", "serve"]

_RETRY_SECONDS = 60.0


@dataclass(slots=True)
class Signer:
    """Answers one message after the other for `authority`; `copy` is the broker's CRL file."""

    authority: Authority
    copy: Path | None = None
    crl: Crl | None = None

    def renew_crl(self) -> Crl:
        """Sign the list anew, into the CA's folder and the broker's file.

        A list that couldn't be written isn't held: the next call, or the next minute, tries again.
        """
        self.crl = None
        self.crl = self.authority.write_crl(self.copy)
        return self.crl

    def answer(self, line: bytes) -> dict[str, str]:
        """Return the answer to one line: `{pem}` or `{refused, detail}`."""
        try:
            return {"pem": self._perform(_message(line))}
        except PkiFault as fault:
            return {"refused": fault.reason, "detail": fault.detail}
        except (OSError, sqlite3.Error) as error:
            return {"refused": "storage", "detail": f"the CA can't be written: {error}"}

    def _perform(self, message: dict[str, Any]) -> str:
        match message:
            case {"call": "issue_client", "uuid": str(uuid)}:
                return self._issue(message, client(uuid))
            case {"call": "issue_service", "name": str(name)}:
                return self._issue(message, service(name))
            case {"call": "issue_server", "names": list(names), "addresses": list(addresses)}:
                return self._issue(message, server(_texts(names), _texts(addresses)))
            case {"call": "revoke", "serial": str(serial), "reason": str(reason)}:
                self.authority.mark_revoked(serial, reason)
                return self.renew_crl().pem.decode("ascii")
            case {"call": "crl"}:
                return (self.crl or self.renew_crl()).pem.decode("ascii")
            case {"call": "chain"}:
                return pem(self.authority.chain).decode("ascii")
        raise PkiFault("call", "no such call, or an argument is missing")

    def _issue(self, message: dict[str, Any], profile: Profile) -> str:
        csr, days = message.get("csr"), message.get("days", LEAF_DAYS)
        if not isinstance(csr, str) or type(days) is not int or not 1 <= days <= LEAF_DAYS:
            raise PkiFault("call", f"csr is PEM, days a number from 1 to {LEAF_DAYS}")
        return pem(self.authority.issue(csr, profile, days=days)).decode("ascii")


def serve(authority: Authority, path: Path, copy: Path | None, ready: Callable[[], None]) -> None:
    """Answer on the socket `path` until SIGTERM or SIGINT; `ready` is called when it listens.

    PkiFault `in_use` when another process signs for this CA or listens there.
    """
    try:
        with exclusive(authority.folder / "signer.lock", wait=False):
            signer = Signer(authority, copy)
            signer.renew_crl()
            asyncio.run(_serve(signer, _listening(path), ready))
            path.unlink(missing_ok=True)
    except BlockingIOError:
        raise PkiFault("in_use", f"another process signs for {authority.folder}") from None


async def _serve(signer: Signer, listening: socket.socket, ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(signer.answer(line)).encode("ascii") + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_unix_server(converse, sock=listening, limit=MOST_LINE_BYTES)
    renewal = asyncio.create_task(_keep_crl_fresh(signer))
    ready()
    await stop.wait()
    renewal.cancel()
    listener.close()


async def _keep_crl_fresh(signer: Signer) -> None:
    """Sign the CRL whenever it is due, by the clock: a suspended machine catches up."""
    while True:
        await asyncio.sleep(_RETRY_SECONDS)
        if signer.crl is None or signer.crl.due(signer.authority.clock()):
            try:
                signer.renew_crl()
            except (OSError, sqlite3.Error) as error:
                report = {"event": "crl_renewal_failed", "error": str(error)}
                sys.stderr.write(json.dumps(report) + "\n")


def _listening(path: Path) -> socket.socket:
    """Return a socket 0600 at `path`; a dead one of before is replaced, a live one refused."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.connect(str(path))
    except OSError:
        path.unlink(missing_ok=True)
    else:
        raise PkiFault("in_use", f"somebody listens on {path} already")
    mask = os.umask(0o177)
    try:
        listening.bind(str(path))
    except OSError as error:
        raise PkiFault("socket", f"can't listen on {path}: {error.strerror or error}") from None
    finally:
        os.umask(mask)
    return listening


def _message(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        raise PkiFault("call", "not a line of JSON") from None
    if not isinstance(message, dict):
        raise PkiFault("call", "not an object")
    return message


def _texts(values: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise PkiFault("call", "names and addresses are texts")
    return tuple(values)
