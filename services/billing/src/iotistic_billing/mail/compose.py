"""What a mail looks like: the same bytes each time, so that a repetition is recognised as one."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from iotistic_billing.domain.mail import MailKind

if TYPE_CHECKING:
    from iotistic_billing.domain.mail import Letter

__all__ = ["AddressInvalidError", "Composer", "address_from"]

_SUBJECTS = {
    MailKind.VERIFY: "Confirm your e-mail address",
    MailKind.KNOWN: "You already have an account",
    MailKind.INVITE: "Your dashboard is ready",
}
# Links stay whole: a line may be as long as SMTP allows.
_POLICY = SMTP.clone(max_line_length=900)


# What a header would read as several addresses, a name or a comment stands in none.
_PART = r"[^@\s\x00-\x1f\x7f,;:<>()\[\]\\\"]+"
_ADDRESS = re.compile(f"({_PART})@({_PART})")


class AddressInvalidError(ValueError):
    """A text isn't one address."""


def address_from(spec: str, name: str = "") -> Address:
    """Return the address, its domain in ASCII; AddressInvalidError for anything else."""
    found = _ADDRESS.fullmatch(spec)
    try:
        if found is None or not name.isprintable():
            raise AddressInvalidError(spec)
        return Address(name, found[1], found[2].encode("idna").decode())
    except UnicodeError:
        raise AddressInvalidError(spec) from None


class Composer:
    """Makes mails from letters, as text and HTML.

    Nothing that somebody typed stands in them but the address: a sign-up can't be used to send
    one's own words to others.
    """

    def __init__(self, sender: str) -> None:
        name, spec = parseaddr(sender)
        self._sender = address_from(spec, name)
        loader = PackageLoader("iotistic_billing", "templates/mail")
        self._html = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
        self._text = Environment(
            loader=loader,
            autoescape=False,  # noqa: S701 -- plain text, nothing to escape
            undefined=StrictUndefined,
            keep_trailing_newline=True,
        )

    def message(self, letter: Letter) -> EmailMessage:
        """Return the mail; AddressInvalidError for a recipient that is none."""
        message = EmailMessage(policy=_POLICY)
        facts = {
            "link": letter.link,
            "email": letter.recipient,
            "until": letter.expires_at.strftime("%d %B %Y, %H:%M UTC"),
            "subject": _SUBJECTS[letter.kind],
        }
        message["Message-ID"] = f"<{letter.id}@{self._sender.domain}>"
        message["Date"] = format_datetime(letter.created_at)
        message["From"] = self._sender
        message["To"] = address_from(letter.recipient)
        message["Subject"] = facts["subject"]
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self._text.get_template(f"{letter.kind}.txt").render(facts))
        html = self._html.get_template(f"{letter.kind}.html").render(facts)
        message.add_alternative(html, subtype="html")
        message.set_boundary(f"=_{letter.id.hex}")
        return message
