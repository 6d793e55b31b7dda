"""What mails look like."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from uuid import UUID

import pytest

from iotistic_billing.domain.mail import Letter, MailKind
from iotistic_billing.mail.compose import AddressInvalidError, Composer

LINK = "https://127.77.0.3:3100/verify?token=" + "Az09_-" * 7 + "x"


def letter(**changes):
    told = {
        "id": UUID(int=7),
        "kind": MailKind.VERIFY,
        "recipient": "owner@acme.example",
        "link": LINK,
        "created_at": datetime(2026, 1, 15, 10, 30, tzinfo=UTC),
        "expires_at": datetime(2026, 1, 16, 10, 30, tzinfo=UTC),
    }
    return Letter(**told | changes)


@pytest.fixture
def composer():
    return Composer("Iotistic <no-reply@site.example>")


@pytest.mark.parametrize("kind", list(MailKind))
def test_each_kind_holds_its_link_as_text_and_as_html(composer, kind):
    raw = composer.message(letter(kind=kind)).as_bytes()
    read = message_from_bytes(raw, policy=default)
    text, html = read.get_body(("plain",)), read.get_body(("html",))

    assert LINK in text.get_content().splitlines()
    assert f'href="{LINK}"' in html.get_content()
    assert LINK.encode() in raw, "a file of it can be read by eye"
    assert read["To"] == "owner@acme.example"
    assert read["From"] == "Iotistic <no-reply@site.example>"
    assert read["Message-ID"] == "<00000000-0000-0000-0000-000000000007@site.example>"
    assert read["Date"] == "Thu, 15 Jan 2026 10:30:00 +0000"


def test_twice_is_the_same_to_the_byte(composer):
    assert composer.message(letter()).as_bytes() == composer.message(letter()).as_bytes()


@pytest.mark.parametrize(
    "recipient",
    ["a@b.example, c@d.example", "a@b.example\r\nBcc: c@d.example", "A <a@b.example>", "nobody"],
)
def test_what_is_not_one_address_gets_no_mail(composer, recipient):
    with pytest.raises(AddressInvalidError):
        composer.message(letter(recipient=recipient))


def test_a_domain_of_another_script_is_written_in_ascii(composer):
    message = composer.message(letter(recipient="owner@müller.example"))

    assert message["To"] == "owner@xn--mller-kva.example"


def test_markup_in_an_address_or_link_stays_text(composer):
    hostile = letter(link='https://a.example/"><script>x</script>')
    html = composer.message(hostile).get_body(("html",)).get_content()

    assert "<script>" not in html


@pytest.mark.parametrize("sender", ["", "nobody", "A B"])
def test_a_sender_must_be_an_address(sender):
    with pytest.raises(AddressInvalidError):
        Composer(sender)
