"""Sign up as anybody would: a look at whether a customer could."""

from __future__ import annotations

import secrets
import ssl
import sys
from typing import TYPE_CHECKING

import httpx

from iotistic_kit.errors import StopError

if TYPE_CHECKING:
    from iotistic_kit.settings import ServiceSettings

__all__ = ["try_sign_up"]

TIMEOUT = 30


def try_sign_up(settings: ServiceSettings, email: str, company: str) -> int:
    """Print billing's answer; 0 when it made a customer. The password is drawn and forgotten."""
    url = settings.billing_url or settings.public_url
    if not url:
        raise StopError("set BILLING_URL to where billing answers")
    try:
        verify = ssl.create_default_context(cafile=settings.tls_ca_file)
    except OSError as error:
        raise StopError(f"TLS_CA_FILE: {settings.tls_ca_file}: {error.strerror}") from None
    form = {
        "email": email,
        "password": secrets.token_urlsafe(24),
        "company_name": company,
        "full_name": "A Trial",
    }
    try:
        answer = httpx.post(
            f"{url}/api/customers/signup", json=form, timeout=TIMEOUT, verify=verify
        )
    except httpx.HTTPError as error:
        raise StopError(f"billing doesn't answer at {url}: {error}") from None
    sys.stdout.write(answer.text + "\n")
    return 0 if answer.status_code == httpx.codes.CREATED else 1
