"""The next credentials: asked for, tested, taken or given up."""

from datetime import datetime

from iotistic_agent.adapters.broker_trial import Verdict
from iotistic_agent.adapters.cloud import Answer
from iotistic_agent.faults import CloudUnavailable, NotTrusted, Renewed
from iotistic_agent.logs import Component, log
from iotistic_agent.registration import Registration
from iotistic_agent.renewal.answer import read_credentials, same_anchors, with_credentials
from iotistic_agent.renewal.around import Around
from iotistic_agent.renewal.planning import A_DAY, CredentialsStanding
from iotistic_contract.errors import ContractError

__all__ = ["CredentialsRenewal"]


class CredentialsRenewal:
    """CA bundle, broker, order keys, VPN profile: one document, taken as a whole."""

    def __init__(self, around: Around) -> None:
        self._around = around
        self._renewals = around.store.renewals

    def look(self) -> CredentialsStanding:
        """Return how far they are."""
        candidate, failed = (self._renewals.credentials(slot) for slot in ("candidate", "failed"))
        return CredentialsStanding(
            committed=self._around.store.identity.credentials_etag(),
            candidate=None if candidate is None else candidate.etag,
            failed=None if failed is None else failed.etag,
            heard=self._around.heard.etag,
            asked_at=self._renewals.time("credentials_asked_at"),
        )

    async def ask(self) -> None:
        """Ask over the anchors in use: no other answer may bring new ones."""
        committed = self._around.store.identity.credentials_etag()
        answer, now = await self._around.ask(committed), self._around.now()
        if answer.status == 304:
            self._around.heard.etag = committed
            self._renewals.forget_credentials()
        else:
            self._keep(answer, now)
        self._renewals.asked_for_credentials(now)

    async def test(self) -> None:
        """Call the API and the broker as the candidate says; take it (Renewed), or give it up.

        CloudUnavailable when that can't be told now. What is the same as before isn't tested.
        """
        stored, current = self._renewals.credentials("candidate"), self._around.registration
        assert stored is not None  # noqa: S101 -- the plan has seen it
        found = read_credentials(stored.document, current)
        following, refused = with_credentials(current, found, stored.etag)
        if refused is not None:
            log(Component.PROVISIONING).error("order_keys_refused", extra={"reason": refused})
        trusted = same_anchors(following.ca_cert, current.ca_cert)
        same_broker = following.mqtt == current.mqtt
        why = None if trusted else await self._objection_to_anchors(following)
        if why is None and not same_broker:
            why = await self._objection_to_broker(following)
        if why is not None:
            self._give_up(stored.etag, why)
            return
        self._around.store.identity.renew_credentials(following)
        log(Component.PROVISIONING).info("credentials_taken", extra={"etag": stored.etag})
        if not (trusted and same_broker):
            raise Renewed("the credentials")

    def _keep(self, answer: Answer, now: datetime) -> None:
        """Store what came as the candidate; not what failed less than a day ago."""
        etag, document = answer.headers.get("etag"), answer.json()
        if not etag:
            raise CloudUnavailable("credentials without an ETag")
        self._around.heard.etag = etag
        failed = self._renewals.credentials("failed")
        if failed is not None and failed.etag == etag and failed.at <= now < failed.at + A_DAY:
            return
        try:
            read_credentials(document, self._around.registration)
        except ContractError as exc:
            self._give_up(etag, str(exc))
            return
        assert isinstance(document, dict)  # noqa: S101 -- it has just been read
        self._renewals.keep_candidate(etag, document, now)

    async def _objection_to_anchors(self, following: Registration) -> str | None:
        try:
            await self._around.ask(following.credentials_etag, as_=following)
        except NotTrusted as exc:
            return f"the API isn't trusted with the new anchors: {exc}"
        return None

    async def _objection_to_broker(self, following: Registration) -> str | None:
        connected = self._around.connected()
        verdict = await self._around.trial(following)
        if verdict is Verdict.UNREACHABLE and not connected:
            raise CloudUnavailable("no broker can be reached, neither the new one nor the old")
        return None if verdict is Verdict.GOOD else f"the new broker is {verdict}"

    def _give_up(self, etag: str, why: str) -> None:
        self._renewals.fail_candidate(etag, self._around.now())
        facts = {"etag": etag, "reason": why}
        log(Component.PROVISIONING).error("credentials_failed", extra=facts)
