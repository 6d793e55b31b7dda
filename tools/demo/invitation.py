"""The owner's invitation to a tenant: the newest in billing's folder of mail, while unused."""

from __future__ import annotations

import email
import email.policy
import re
from pathlib import Path
from typing import TYPE_CHECKING

from .api import Api, ApiError

if TYPE_CHECKING:
    from .parts import Tenant
    from .site import Site

__all__ = ["mail_folder", "newest_invitation"]

FORM = r"inv1\.[A-Za-z0-9_-]{20,100}"


def mail_folder(site: Site) -> Path:
    """Return where billing's worker puts its mail instead of sending it."""
    return Path(site.setting("billing-worker", "MAIL_DIR") or site.state / "mail")


def newest_invitation(site: Site, tenant: Tenant, api: Api) -> str | None:
    """Return the link of the newest invitation to a tenant; None when it has gone or is used."""
    for path in sorted(mail_folder(site).glob("*-invite-*.eml"), reverse=True):
        link = link_in(path.read_bytes(), tenant.dashboard)
        if link:
            return link if _is_open(api, link.partition("#")[2]) else None
    return None


def link_in(mail: bytes, dashboard: str) -> str | None:
    """Return the link to this dashboard's invitation that a mail holds as text, or None."""
    message = email.message_from_bytes(mail, policy=email.policy.default)
    body = message.get_body(("plain",))
    text = body.get_content() if body else ""
    found = re.search(rf"{re.escape(dashboard)}/invitation#{FORM}(?![^\s])", text)
    return found[0] if found else None


def _is_open(api: Api, token: str) -> bool:
    try:
        api.call("POST", "/api/v1/invitations/look", {"token": token})
    except ApiError:
        return False
    return True
