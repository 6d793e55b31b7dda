"""The next certificate for the broker: a key, a certificate, a connection with both."""

import asyncio
from dataclasses import replace

from cryptography import x509

from iotistic_agent.adapters.broker_trial import Verdict
from iotistic_agent.adapters.store.renewals import CandidateCertificate
from iotistic_agent.faults import CloudUnavailable, Renewed
from iotistic_agent.logs import Component, log
from iotistic_agent.registration import Registration
from iotistic_agent.renewal.answer import read_credentials, with_credentials
from iotistic_agent.renewal.around import Around
from iotistic_agent.renewal.planning import CertificateStanding
from iotistic_agent.signed_calls import certificates_body
from iotistic_contract.codec import decode
from iotistic_contract.errors import ContractError
from iotistic_contract.provisioning import CertificatesAnswer
from iotistic_pki.errors import PkiFault
from iotistic_pki.keys import checked_public, public_der

__all__ = ["CertificateRenewal"]


class CertificateRenewal:
    """The one in use stays beside it until the broker has let the device in with the next."""

    def __init__(self, around: Around) -> None:
        self._around = around
        pem = around.registration.mqtt.client_certificate
        self._leaf = None if pem is None else x509.load_pem_x509_certificate(pem.encode("ascii"))

    def look(self) -> CertificateStanding | None:
        """Return how far it is, None for a device that has a password."""
        if self._leaf is None:
            return None
        renewals = self._around.store.renewals
        candidate = renewals.candidate_certificate()
        return CertificateStanding(
            not_before=self._leaf.not_valid_before_utc,
            not_after=self._leaf.not_valid_after_utc,
            since=self._around.store.identity.since("certificate"),
            key_made=candidate is not None,
            given=candidate is not None and candidate.pem is not None,
            refused_at=renewals.time("certificate_refused_at"),
        )

    async def make_key(self) -> None:
        """Make the next key, and note its file."""
        current = self._around.registration.tls_key
        name = await asyncio.to_thread(self._around.keys.new_tls, current)
        self._around.store.renewals.keep_certificate(CandidateCertificate(tls_key=name))

    async def request(self) -> None:
        """Ask for a certificate: signed by the device key, so that an expired one is no matter."""
        candidate, keys = self._candidate(), self._around.keys
        tls = keys.tls(candidate.tls_key)
        body = certificates_body(self._around.registration, tls, keys.signing)
        answer = await self._around.post("certificates", body)
        given = decode(CertificatesAnswer, answer.json(), unknown="keep").client_certificate
        if _public_der(given) != public_der(tls):
            raise ContractError("/clientCertificate", "not a certificate for the key that was sent")
        self._around.store.renewals.keep_certificate(replace(candidate, pem=given))

    async def test(self) -> None:
        """Try it at the broker in use, and at the one that may follow: it may have moved.

        Renewed when one of them takes it, CloudUnavailable when one can't be reached; else it is
        dropped.
        """
        around, candidate = self._around, self._candidate()
        mqtt = replace(around.registration.mqtt, client_certificate=candidate.pem)
        following = replace(around.registration, mqtt=mqtt, tls_key=candidate.tls_key)
        verdicts = [await around.trial(each) for each in (following, *self._moved(following))]
        if Verdict.GOOD in verdicts:
            around.store.identity.renew_certificate(following, around.now())
            around.keys.erase_tls(around.registration.tls_key)
            log(Component.PROVISIONING).info("certificate_renewed")
            raise Renewed("the certificate")
        if Verdict.UNREACHABLE in verdicts:
            raise CloudUnavailable("the broker can't be reached with the new certificate")
        around.store.renewals.drop_certificate(around.now())
        around.keys.erase_tls(candidate.tls_key)
        log(Component.PROVISIONING).error("certificate_refused", extra={"next_in": "a day"})

    def _moved(self, following: Registration) -> tuple[Registration, ...]:
        stored = self._around.store.renewals.credentials("candidate")
        if stored is None:
            return ()
        found = read_credentials(stored.document, following)
        return (with_credentials(following, found, stored.etag)[0],)

    def _candidate(self) -> CandidateCertificate:
        candidate = self._around.store.renewals.candidate_certificate()
        assert candidate is not None  # noqa: S101 -- the plan has seen it
        return candidate


def _public_der(certificate: str) -> bytes:
    """Return the certificate's key; ContractError when it can't be read."""
    try:
        key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
        return public_der(checked_public(key))
    except (ValueError, PkiFault):
        raise ContractError("/clientCertificate", "not a readable certificate") from None
