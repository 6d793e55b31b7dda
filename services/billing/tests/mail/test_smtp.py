"""Mail to a real SMTP server: encrypted, signed in, refused, away."""

import smtplib
import ssl
from datetime import UTC, datetime
from urllib.parse import quote
from uuid import UUID

import pytest

from iotistic_billing.domain.mail import Letter, MailKind
from iotistic_billing.mail.compose import Composer
from iotistic_billing.mail.smtp import SmtpSink, server_from, tls_context
from iotistic_kit.errors import StopError
from iotistic_kit.worker import GiveUpError

from .conftest import PASSWORD, USER

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
LETTER = Letter(
    id=UUID(int=7),
    kind=MailKind.VERIFY,
    recipient="owner@acme.example",
    link="https://billing.example/verify?token=x",
    created_at=NOW,
    expires_at=NOW,
)
MESSAGE = Composer("Iotistic <no-reply@site.example>").message(LETTER)


def sink(url, tls=None):
    context = tls_context(tls.certificate if tls else None)
    return SmtpSink(server_from(url), context, timeout=5)


def url(mailbox, password=PASSWORD):
    return f"smtp://{quote(USER)}:{quote(password, safe='')}@127.0.0.1:{mailbox.port}"


@pytest.mark.real
async def test_the_mail_arrives_encrypted_after_signing_in(mailbox, tls):
    await sink(url(mailbox), tls).send(LETTER, MESSAGE)

    assert mailbox.taken == [MESSAGE.as_bytes()]
    assert mailbox.recipients == [["owner@acme.example"]]
    assert mailbox.sessions == [(True, True)]


@pytest.mark.real
async def test_a_server_that_cannot_be_verified_gets_neither_mail_nor_password(mailbox):
    with pytest.raises(ssl.SSLCertVerificationError):
        await sink(url(mailbox)).send(LETTER, MESSAGE)

    assert mailbox.taken == []


@pytest.mark.real
async def test_a_server_without_tls_gets_nothing(plain_mailbox, tls):
    with pytest.raises(smtplib.SMTPNotSupportedError):
        await sink(f"smtp://127.0.0.1:{plain_mailbox.port}", tls).send(LETTER, MESSAGE)

    assert plain_mailbox.taken == []


@pytest.mark.real
async def test_a_relay_on_this_machine_may_be_without_tls(plain_mailbox):
    await sink(f"smtp+plain://127.0.0.1:{plain_mailbox.port}").send(LETTER, MESSAGE)

    assert plain_mailbox.taken == [MESSAGE.as_bytes()]


@pytest.mark.real
async def test_a_wrong_password_is_tried_again_and_not_told(mailbox, tls):
    with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
        await sink(url(mailbox, "wrong-password"), tls).send(LETTER, MESSAGE)

    assert "wrong-password" not in str(caught.value)


@pytest.mark.real
@pytest.mark.parametrize(
    ("place", "reply", "expected"),
    [
        ("on_recipient", "550 no such user", GiveUpError),
        ("on_recipient", "450 try later", smtplib.SMTPRecipientsRefused),
        ("on_data", "554 looks like spam", GiveUpError),
        ("on_data", "451 try later", smtplib.SMTPDataError),
    ],
)
async def test_refused_for_good_or_for_now(plain_mailbox, place, reply, expected):
    getattr(plain_mailbox, place).append(reply)

    with pytest.raises(expected):
        await sink(f"smtp+plain://127.0.0.1:{plain_mailbox.port}").send(LETTER, MESSAGE)


@pytest.mark.parametrize(
    "wrong",
    [
        "http://a.example",
        "smtp://",
        "smtp+plain://mail.example",
        "smtp+plain://192.0.2.1",
        "smtp://u:geheim@host:x",
        "geheim",
    ],
)
def test_a_wrong_url_is_refused_without_being_repeated(wrong):
    with pytest.raises(StopError) as caught:
        server_from(wrong)

    assert "SMTP_URL" in str(caught.value)
    assert "geheim" not in str(caught.value)
