"""Who calls billing: an operator, a tenant by its API key, a person by a session."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iotistic_contract.codec import b64u_encode, canonical
from iotistic_kit.auth import Principal, bearer, needs
from iotistic_kit.errors import Problem

from .storage.accounts import PostgresAccounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcon.asgi import Request

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database

__all__ = [
    "ADMIN",
    "OWN",
    "OWN_PERSON",
    "SOMEBODY",
    "ApiKey",
    "Credentials",
    "api_key_for",
    "digest",
    "fingerprint",
    "new_session_token",
]

ADMIN = needs("admin")
OWN_PERSON = ADMIN | needs("person", owns="customer_id")
SOMEBODY = ADMIN | needs("person") | needs("customer")
OWN = OWN_PERSON | needs("customer", owns="customer_id")
_KEY, _SESSION = "bk1", "bs1"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The key that a tenant shows billing; ``text`` is the secret whole."""

    id: str
    text: str
    secret_hash: bytes


def api_key_for(seed: bytes, customer_id: str, generation: int = 1) -> ApiKey:
    """Return the customer's API key: derived, so that it is stored nowhere but with its tenant."""
    named = f"{customer_id}\0{generation}".encode()
    key_id = hmac.digest(seed, b"billing-api-key-id\0" + named, "sha256").hex()[:16]
    secret = b64u_encode(hmac.digest(seed, b"billing-api-key\0" + named, "sha256"))
    return ApiKey(id=key_id, text=f"{_KEY}.{key_id}.{secret}", secret_hash=digest(secret))


def new_session_token() -> str:
    """Return a fresh token for one session of a person."""
    return f"{_SESSION}.{secrets.token_urlsafe(32)}"


def digest(secret: str) -> bytes:
    """Return how a random secret is stored: its SHA-256."""
    return hashlib.sha256(secret.encode()).digest()


def fingerprint(seed: bytes, typed: Sequence[str]) -> bytes:
    """Return what tells whether the same was typed again.

    It covers a password, so it is keyed: a copy of the database alone doesn't help guessing it.
    """
    content = canonical(list(typed))
    return hmac.digest(seed, b"billing-fingerprint\0" + content, "sha256")


class Credentials:
    """Tells the principal of a bearer token of any of the three kinds; 401 for any other."""

    def __init__(self, database: Database, clock: Clock, admin_token: str) -> None:
        self._database = database
        self._clock = clock
        self._admin_hash = digest(admin_token)

    async def authenticate(self, req: Request) -> Principal | None:
        """Return who calls, None without a credential."""
        token = bearer(req)
        if token is None:
            return None
        if hmac.compare_digest(digest(token), self._admin_hash):
            return Principal(kind="admin", id="admin")
        principal = None
        if token.startswith(f"{_KEY}."):
            principal = await self._customer(token)
        elif token.startswith(f"{_SESSION}."):
            principal = await self._person(token)
        if principal is None:
            headers = {"WWW-Authenticate": "Bearer"}
            raise Problem(401, "unauthorized", "these credentials are unknown", headers=headers)
        return principal

    async def _customer(self, token: str) -> Principal | None:
        key_id, _, secret = token.removeprefix(f"{_KEY}.").partition(".")
        async with self._database.connection() as connection:
            found = await PostgresAccounts(connection).api_key(key_id)
        if found is None or not hmac.compare_digest(found[1], digest(secret)):
            return None
        return Principal(kind="customer", id=found[0], customer_id=found[0])

    async def _person(self, token: str) -> Principal | None:
        async with self._database.connection() as connection:
            accounts = PostgresAccounts(connection)
            customer_id = await accounts.session(digest(token), self._clock.now())
        if customer_id is None:
            return None
        return Principal(kind="person", id=customer_id, customer_id=customer_id)
