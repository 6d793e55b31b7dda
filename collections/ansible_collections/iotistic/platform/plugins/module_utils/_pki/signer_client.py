# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""How the programs of a tenant ask its signing process: one line of JSON each way."""

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import SignerRefused, SignerUnavailable
from .profiles import LEAF_DAYS

__all__ = ["MOST_LINE_BYTES", "SignerClient"]

MOST_LINE_BYTES = 1024 * 1024


class SignerClient:
    """A signing process behind `socket_path`; one short connection per call, safe over threads.

    Every method raises SignerUnavailable when nobody answers in time, and SignerRefused with the
    reason of the refusal.
    """

    def __init__(self, socket_path: Path | str, timeout_seconds: float = 10.0) -> None:
        self._path = str(socket_path)
        self._timeout = timeout_seconds

    def issue_client(self, csr_pem: str, uuid: str, days: int = LEAF_DAYS) -> str:
        """Return the leaf, in PEM, of the device `uuid`."""
        return self._text("issue_client", csr=csr_pem, uuid=uuid, days=days)

    def issue_service(self, csr_pem: str, name: str, days: int = LEAF_DAYS) -> str:
        """Return the client leaf, in PEM, of the tenant's program `name`."""
        return self._text("issue_service", csr=csr_pem, name=name, days=days)

    def issue_server(
        self,
        csr_pem: str,
        names: Sequence[str] = (),
        addresses: Sequence[str] = (),
        days: int = LEAF_DAYS,
    ) -> str:
        """Return the server leaf, in PEM; send `chain()` after it."""
        return self._text(
            "issue_server", csr=csr_pem, names=list(names), addresses=list(addresses), days=days
        )

    def revoke(self, serial: str, reason: str = "unspecified") -> str:
        """Revoke the serial (32 hex digits) for good, and return the new CRL in PEM."""
        return self._text("revoke", serial=serial, reason=reason)

    def crl(self) -> str:
        """Return the newest CRL in PEM."""
        return self._text("crl")

    def chain(self) -> str:
        """Return what servers send after their leaf, in PEM: tenant and platform CA."""
        return self._text("chain")

    def _text(self, call: str, **arguments: Any) -> str:
        answer = self._exchange({"call": call, **arguments})
        if "refused" in answer:
            raise SignerRefused(str(answer["refused"]), str(answer.get("detail", "refused")))
        return str(answer["pem"])

    def _exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(self._timeout)
                connection.connect(self._path)
                connection.sendall(json.dumps(message).encode("utf-8") + b"\n")
                with connection.makefile("rb") as stream:
                    line = stream.readline(MOST_LINE_BYTES * 16)
            answer = json.loads(line)
        except (OSError, ValueError) as error:
            raise SignerUnavailable(
                "signer", f"the signing process at {self._path} doesn't answer: {error}"
            ) from None
        if not isinstance(answer, dict):
            raise SignerUnavailable("signer", f"{self._path} answers, but isn't a signing process")
        return answer
