"""What is being renewed: the API key, the certificate, the credentials."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from iotistic_agent.adapters.store.database import Database
from iotistic_agent.adapters.store.sealing import Sealer
from iotistic_contract.codec import parse_time

__all__ = ["CandidateCertificate", "PendingKey", "Renewals", "StoredCredentials"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingKey:
    """The next API key; ``announced``: the cloud has taken its hash."""

    api_key: str = field(repr=False)
    announced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateCertificate:
    """The file of the next TLS key, and the certificate for it once the cloud gave one."""

    tls_key: str
    pem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCredentials:
    """An answer of GET credentials as it came; ``at`` is when it was stored."""

    etag: str
    document: Mapping[str, Any] = field(repr=False)
    at: datetime


class Renewals:
    """The tables ``renewal`` (words by name) and ``credentials``; secrets in them are sealed."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    def pending_key(self) -> PendingKey | None:
        """Return the API key that is to follow."""
        stored = self._word("pending_api_key")
        opened = None if stored is None else self._sealer.open(stored, "pending_api_key")
        if opened is None:
            return None
        return PendingKey(api_key=opened, announced=self._word("pending_announced") is not None)

    def keep_pending_key(self, api_key: str, *, announced: bool) -> None:
        """Store the API key that is to follow."""
        with self._database.transaction():
            self._keep("pending_api_key", self._sealer.seal(api_key, "pending_api_key"))
            self._keep("pending_announced", "1" if announced else None)

    def forget_pending_key(self) -> None:
        """Drop the API key that was to follow."""
        with self._database.transaction():
            self._keep("pending_api_key", None)
            self._keep("pending_announced", None)

    def candidate_certificate(self) -> CandidateCertificate | None:
        """Return the certificate, or the key alone, that is to follow."""
        name = self._word("candidate_tls_key")
        if name is None:
            return None
        return CandidateCertificate(tls_key=name, pem=self._word("candidate_certificate"))

    def keep_certificate(self, candidate: CandidateCertificate) -> None:
        """Store what is to follow the certificate in use."""
        with self._database.transaction():
            self._keep("candidate_tls_key", candidate.tls_key)
            self._keep("candidate_certificate", candidate.pem)

    def drop_certificate(self, at: datetime | None) -> None:
        """Forget the candidate; ``at`` is when it was refused."""
        with self._database.transaction():
            self._keep("candidate_tls_key", None)
            self._keep("candidate_certificate", None)
            self._keep("certificate_refused_at", None if at is None else self._database.text(at))

    def time(self, name: str) -> datetime | None:
        """Return one remembered time: ``credentials_asked_at``, ``certificate_refused_at``."""
        text = self._word(name)
        return None if text is None else parse_time(text)

    def asked_for_credentials(self, at: datetime) -> None:
        """Note when the cloud last answered to GET credentials."""
        with self._database.transaction():
            self._keep("credentials_asked_at", self._database.text(at))

    def credentials(self, slot: str) -> StoredCredentials | None:
        """Return the credentials in ``candidate`` or ``failed``."""
        row = self._database.row(
            "SELECT etag, document, storedAt FROM credentials WHERE slot = ?", slot
        )
        document = None if row is None else self._sealer.open(row[1], "credentials")
        if document is None:
            return None
        return StoredCredentials(etag=row[0], document=json.loads(document), at=parse_time(row[2]))

    def keep_candidate(self, etag: str, document: Mapping[str, Any], at: datetime) -> None:
        """Store credentials that are to be tested."""
        with self._database.transaction():
            self._put("candidate", etag, document, at)

    def fail_candidate(self, etag: str, at: datetime) -> None:
        """Remember that the credentials with this ETag failed, and drop them."""
        with self._database.transaction():
            self._database.run("DELETE FROM credentials")
            self._put("failed", etag, {}, at)

    def forget_credentials(self) -> None:
        """Drop candidate and failed: what is committed holds again."""
        with self._database.transaction():
            self._database.run("DELETE FROM credentials")

    def _put(self, slot: str, etag: str, document: Mapping[str, Any], at: datetime) -> None:
        self._database.run(
            "INSERT OR REPLACE INTO credentials VALUES (?, ?, ?, ?)",
            slot,
            etag,
            self._sealer.seal(json.dumps(document), "credentials"),
            self._database.text(at),
        )

    def _word(self, name: str) -> str | None:
        row = self._database.row("SELECT value FROM renewal WHERE name = ?", name)
        return None if row is None else str(row[0])

    def _keep(self, name: str, value: str | None) -> None:
        if value is None:
            self._database.run("DELETE FROM renewal WHERE name = ?", name)
        else:
            self._database.run("INSERT OR REPLACE INTO renewal VALUES (?, ?)", name, value)
