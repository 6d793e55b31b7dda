"""One mail of the outbox: read, sent, noted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from iotistic_billing.mail.compose import AddressInvalidError
from iotistic_kit.worker import GiveUpError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import EmailMessage

    from iotistic_billing.domain.mail import Letter
    from iotistic_billing.mail.compose import Composer
    from iotistic_billing.usecases.outbox import Outbox
    from iotistic_kit.work import Job
    from iotistic_kit.worker import Lease

__all__ = ["Sender", "Sink"]


class Sink(Protocol):
    """Where mail goes."""

    async def send(self, letter: Letter, message: EmailMessage) -> None:
        """Take one mail, or raise; GiveUpError when it will never be taken."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Does the jobs of the outbox.

    A worker that dies after the sink has taken the mail and before that is noted has it sent
    again, to the byte the same: a folder then holds it once, and mail programs know the repetition
    by its Message-ID.
    """

    outbox: Outbox
    composer: Composer
    sink: Sink

    async def __call__(self, job: Job, _lease: Lease) -> Mapping[str, Any]:
        """Send the mail unless that was done; raise what keeps it from being sent."""
        mail_id = UUID(job.payload["mail"])
        letter = await self.outbox.letter(mail_id)
        if letter is None:
            return {"skipped": "sent before, or of no use any more"}
        try:
            message = self.composer.message(letter)
        except AddressInvalidError:
            raise GiveUpError("the recipient's address can't stand in a mail") from None
        await self.sink.send(letter, message)
        await self.outbox.sent(job, mail_id)
        return {}
