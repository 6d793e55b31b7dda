"""What the renewal loop works with: one look, one step."""

from iotistic_agent.renewal.api_key import ApiKeyRenewal
from iotistic_agent.renewal.around import Around
from iotistic_agent.renewal.certificate import CertificateRenewal
from iotistic_agent.renewal.credentials import CredentialsRenewal
from iotistic_agent.renewal.planning import Standing, Step, share_of

__all__ = ["Renewal"]


class Renewal:
    """The three renewals of one session."""

    def __init__(self, around: Around) -> None:
        self._around = around
        self._key = ApiKeyRenewal(around)
        self._certificate = CertificateRenewal(around)
        self._credentials = CredentialsRenewal(around)
        self._does = {
            Step.MAKE_API_KEY: self._key.make,
            Step.ANNOUNCE_API_KEY: self._key.announce,
            Step.USE_API_KEY: self._key.use,
            Step.MAKE_TLS_KEY: self._certificate.make_key,
            Step.REQUEST_CERTIFICATE: self._certificate.request,
            Step.TEST_CERTIFICATE: self._certificate.test,
            Step.ASK_CREDENTIALS: self._credentials.ask,
            Step.TEST_CREDENTIALS: self._credentials.test,
        }

    def look(self) -> Standing:
        """Return how everything stands now; what time it is for sure is stored meanwhile."""
        if self._around.heard.time is not None:
            self._around.store.sync.keep_time_floor(self._around.heard.time)
        registration = self._around.registration
        return Standing(
            now=self._around.now(),
            share=share_of(registration.uuid, registration.registration),
            key=self._key.look(),
            certificate=self._certificate.look(),
            credentials=self._credentials.look(),
        )

    async def carry_out(self, step: Step) -> None:
        """Do one step.

        Renewed: the session must begin anew with what was renewed. CloudUnavailable, Refused and
        ContractError: not done, again later.
        """
        await self._does[step]()
