"""The owner's invitation: found in the mail of its tenant, and nowhere else."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP

import pytest

from tools.demo.api import ApiError
from tools.demo.browser import Browser
from tools.demo.invitation import link_in, newest_invitation
from tools.demo.site import Site

TOKEN = "inv1." + "Ab-_9" * 8 + "xyz"
DASHBOARD = "https://127.79.1.16:3000"


class MemoryApi:
    """A tenant that knows one open invitation."""

    def __init__(self, token):
        self.token = token

    def call(self, _method, path, body):
        assert path == "/api/v1/invitations/look"
        if body != {"token": self.token}:
            raise ApiError("gone", status=404, code="invitation_gone")


def mail(link):
    message = EmailMessage(policy=SMTP.clone(max_line_length=900))
    message["Subject"] = "Your dashboard is ready"
    message.set_content(f"Open this link:\n\n{link}\n\nand you are the owner.\n")
    message.add_alternative(f'<p><a href="{link}">Open</a></p>', subtype="html")
    return message.as_bytes()


@pytest.fixture
def site(tmp_path):
    (tmp_path / "mail").mkdir()
    return Site(tmp_path, "127.79.1.0/24")


@pytest.mark.parametrize(
    ("link", "found"),
    [
        (f"{DASHBOARD}/invitation#{TOKEN}", True),
        (f"https://127.79.1.17:3000/invitation#{TOKEN}", False),
        (f'{DASHBOARD}/invitation#{TOKEN}"><script>', False),
        (f"{DASHBOARD}/invitation#inv1.short", False),
    ],
)
def test_a_link_is_one_to_this_dashboard_and_nothing_else(link, found):
    assert link_in(mail(link), DASHBOARD) == (link if found else None)


def test_the_newest_invitation_counts_while_it_is_open(site, parts):
    tenant, newer = parts.tenants[0], TOKEN[:-1] + "0"
    for name, token in (("20260101T000000Z", TOKEN), ("20260102T000000Z", newer)):
        path = site.state / f"mail/{name}-invite-1.eml"
        path.write_bytes(mail(f"{DASHBOARD}/invitation#{token}"))
    other = site.state / "mail/20260103T000000Z-invite-2.eml"
    other.write_bytes(mail(f"https://127.79.1.99:3000/invitation#{TOKEN}"))
    assert newest_invitation(site, tenant, MemoryApi(newer)) == f"{DASHBOARD}/invitation#{newer}"
    assert newest_invitation(site, tenant, MemoryApi(TOKEN)) is None  # an older one was replaced
    assert newest_invitation(site, tenant, MemoryApi(None)) is None


def test_the_folder_is_where_the_worker_puts_mail(site, parts, tmp_path):
    (site.state / "supervisor/env").mkdir(parents=True)
    (site.state / "supervisor/env/billing-worker.env").write_text("A=b\nMAIL_DIR=/srv/mail=1\n")
    assert site.setting("billing-worker", "MAIL_DIR") == "/srv/mail=1"
    assert site.setting("billing", "MAIL_DIR") is None


def test_a_secret_address_is_in_no_argument_list(tmp_path):
    """Chromium is given a file that only its owner can read, and which goes with the browser."""
    browser = Browser(tmp_path, tmp_path / "ca.pem", "12345678")
    link = f"{DASHBOARD}/invitation#{TOKEN}"
    page = browser.page(link)
    path = tmp_path / "open.html"
    assert page == path.as_uri()
    assert (path.stat().st_mode & 0o777, link in path.read_text()) == (0o600, True)
    assert TOKEN not in page
