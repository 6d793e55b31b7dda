"""What of a registration is to be renewed now: decided here, carried out elsewhere; pure.

Each step can be cut anywhere: what it did stands in the next look, and what it didn't is done
again.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

__all__ = [
    "ApiKeyStanding",
    "CertificateStanding",
    "CredentialsStanding",
    "Standing",
    "Step",
    "certificate_due",
    "key_due",
    "next_due",
    "next_step",
    "share_of",
]

KEY_LIFE = timedelta(days=90)
A_DAY = timedelta(days=1)
_EARLIEST, _LATEST = 265 / 397, 295 / 397
_KEY_SPREAD = 0.1


class Step(StrEnum):
    """One thing to do."""

    MAKE_API_KEY = "make_api_key"
    ANNOUNCE_API_KEY = "announce_api_key"
    USE_API_KEY = "use_api_key"
    MAKE_TLS_KEY = "make_tls_key"
    REQUEST_CERTIFICATE = "request_certificate"
    TEST_CERTIFICATE = "test_certificate"
    ASK_CREDENTIALS = "ask_credentials"
    TEST_CREDENTIALS = "test_credentials"

    @property
    def subject(self) -> str:
        """What it is about: steps about one thing wait together after a failure."""
        return _SUBJECTS[self]


_SUBJECTS = {
    Step.MAKE_API_KEY: "key",
    Step.ANNOUNCE_API_KEY: "key",
    Step.USE_API_KEY: "key",
    Step.MAKE_TLS_KEY: "certificate",
    Step.REQUEST_CERTIFICATE: "certificate",
    Step.TEST_CERTIFICATE: "certificate",
    Step.ASK_CREDENTIALS: "credentials",
    Step.TEST_CREDENTIALS: "credentials",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyStanding:
    """Since when the API key is used, and how far the next one is."""

    since: datetime
    pending: bool = False
    announced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStanding:
    """The certificate in use, and how far the next one is; ``refused_at`` is the last failure.

    ``since`` is when it came, by the device's own clock.
    """

    not_before: datetime
    not_after: datetime
    since: datetime | None = None
    key_made: bool = False
    given: bool = False
    refused_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsStanding:
    """ETags of credentials: taken, to be tested, failed; and the one the cloud names in answers."""

    committed: str | None = None
    candidate: str | None = None
    failed: str | None = None
    heard: str | None = None
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All of it at one moment; ``share`` (0 to 1) spreads the devices of a fleet over time.

    A device with a password has no certificate.
    """

    now: datetime
    share: float
    key: ApiKeyStanding
    certificate: CertificateStanding | None
    credentials: CredentialsStanding


def next_step(standing: Standing, waiting: frozenset[str] = frozenset()) -> Step | None:
    """Return what is to be done first; nothing about a subject that is ``waiting``.

    An expired certificate comes first: with it no credentials can be tested.
    """
    certificate = _certificate_step(standing)
    over = standing.certificate is not None and standing.now >= standing.certificate.not_after
    expired = over and certificate is not None
    credentials = _credentials_step(standing, expired=expired)
    steps = [_key_step(standing), credentials, certificate]
    if expired and credentials is not Step.ASK_CREDENTIALS:
        steps.insert(0, certificate)
    return next((step for step in steps if step is not None and step.subject not in waiting), None)


def next_due(standing: Standing) -> datetime:
    """Return when something is to be done next, as far as that is known."""
    asked = standing.credentials.asked_at
    times = [key_due(standing), standing.now if asked is None else asked + A_DAY]
    if standing.certificate is not None:
        times.append(certificate_due(standing.certificate, standing.share, standing.now))
    return min(times)


def key_due(standing: Standing) -> datetime:
    """Return when the next API key is to be made: day 81 to 90 of the one in use."""
    return standing.key.since + KEY_LIFE * (1 - _KEY_SPREAD * standing.share)


def certificate_due(certificate: CertificateStanding, share: float, now: datetime) -> datetime:
    """Return when the next certificate is to be asked for: day 265 to 295 of 397.

    One with another life has it at the same part of that. Counted from when it came, so that a
    clock that is ahead of the cloud's makes no certificate old at once. After a refusal a day
    passes.
    """
    life, begin = certificate.not_after - certificate.not_before, certificate.not_before
    if certificate.since is not None and begin <= certificate.since <= now:
        begin = certificate.since
    due = begin + life * (_EARLIEST + (_LATEST - _EARLIEST) * share)
    refused = certificate.refused_at
    return due if refused is None else max(due, refused + A_DAY)


def share_of(*facts: str) -> float:
    """Return a number from 0 to 1 that is always the same for these facts."""
    digest = hashlib.sha256("\0".join(facts).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _key_step(standing: Standing) -> Step | None:
    if standing.key.pending:
        return Step.USE_API_KEY if standing.key.announced else Step.ANNOUNCE_API_KEY
    return Step.MAKE_API_KEY if standing.now >= key_due(standing) else None


def _certificate_step(standing: Standing) -> Step | None:
    certificate = standing.certificate
    if certificate is None:
        return None
    if certificate.given:
        return Step.TEST_CERTIFICATE
    if certificate.key_made:
        return Step.REQUEST_CERTIFICATE
    due = certificate_due(certificate, standing.share, standing.now)
    return Step.MAKE_TLS_KEY if standing.now >= due else None


def _credentials_step(standing: Standing, *, expired: bool) -> Step | None:
    """Ask when the cloud names others than are known here, and once a day; then test."""
    found = standing.credentials
    known = found.candidate or found.failed or found.committed
    asked = found.asked_at
    today = asked is not None and asked <= standing.now < asked + A_DAY
    if not today or found.heard not in (None, known):
        return Step.ASK_CREDENTIALS
    return Step.TEST_CREDENTIALS if found.candidate is not None and not expired else None
