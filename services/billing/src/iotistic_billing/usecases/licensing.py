"""Make, show, check and call back licenses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from iotistic_billing.domain.errors import LicenseNotFound
from iotistic_billing.domain.licensing import license_for, needs_new, renewed
from iotistic_billing.domain.model import Customer, StoredLicense
from iotistic_billing.storage.accounts import PostgresAudit
from iotistic_billing.storage.customers import PostgresCustomers
from iotistic_billing.storage.licenses import PostgresLicenses
from iotistic_contract.codec import b64u_encode
from iotistic_contract.license import License, LicenseStatus, license_status
from iotistic_pki.errors import TokenRefused
from iotistic_pki.jws import parse_compact
from iotistic_pki.keys import thumbprint
from iotistic_pki.tokens import (
    Purpose,
    Revocations,
    new_service_token,
    sign_license,
    sign_revocations,
    sign_service_token,
    verify_license,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Connection, Database
    from iotistic_pki.license_keys import KeyStore

__all__ = ["Licensing", "Verified"]

NEXT_LIST = timedelta(days=1)
KEPT_ON_LIST = timedelta(days=30)
HISTORY = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a token turned out to be; ``reason`` names the check that it failed."""

    license: License | None = None
    status: LicenseStatus | None = None
    reason: str | None = None


class Licensing:
    """Licenses of all customers, signed by the current key of the store."""

    def __init__(
        self,
        database: Database,
        keys: KeyStore,
        clock: Clock,
        random: Callable[[int], bytes],
    ) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._random = random

    async def ensure(
        self, connection: Connection, customer: Customer, reason: str
    ) -> StoredLicense:
        """Return the customer's license, a new one when what it says or who signs has changed.

        Belongs to the caller's transaction, which holds the customer's row.
        """
        licenses = PostgresLicenses(connection)
        last = await licenses.last(customer.id)
        wanted = license_for(
            customer,
            self._clock.now(),
            jti=self._id(),
            revocations=await licenses.revocation_number(),
            last=last.issued_at if last else None,
        )
        listed = {key.kid for key in self._keys.key_set().keys}
        if last is not None and last.kid in listed and not needs_new(last, wanted):
            return last
        made = self._made(wanted, reason)
        await licenses.add(made)
        return made

    async def current(self, customer_id: str) -> StoredLicense:
        """Return the newest license as it is stored."""
        async with self._database.connection() as connection:
            await PostgresCustomers(connection).get(customer_id)
            last = await PostgresLicenses(connection).last(customer_id)
        if last is None:
            raise LicenseNotFound("no license was made yet")
        return last

    async def history(self, customer_id: str) -> list[StoredLicense]:
        """Return the customer's licenses, newest first."""
        async with self._database.connection() as connection:
            return await PostgresLicenses(connection).history(customer_id, limit=HISTORY)

    async def revoke(self, customer_id: str, reason: str, actor: str) -> list[str]:
        """Call back all licenses of the customer; return the ids of those that weren't yet."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            await PostgresCustomers(connection).get(customer_id, lock=True)
            revoked = await PostgresLicenses(connection).revoke(customer_id, reason, now)
            facts = {"reason": reason, "jtis": revoked}
            audit = PostgresAudit(connection)
            await audit.note(now, actor, "license_revoked", customer_id, **facts)
        return revoked

    async def renew_due(self) -> list[str]:
        """Begin the next period of whoever's has ended; return the customers' ids."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            due = await PostgresCustomers(connection).due(now)
        return [customer_id for customer_id in due if await self._renew(customer_id, now)]

    async def replace_unlisted(self, customer_id: str) -> bool:
        """Make the license anew when its key is published no longer; tell whether it was."""
        async with self._database.transaction() as connection:
            customer = await PostgresCustomers(connection).get(customer_id, lock=True)
            before = await PostgresLicenses(connection).last(customer_id)
            return await self.ensure(connection, customer, "key") != before

    async def verify(self, token: str) -> Verified:
        """Return what the token says and the state it is in, or why it is refused."""
        now = self._clock.now()
        try:
            unverified = parse_compact(token, "license+jwt", "RS256")
            keys = self._keys.key_set()
            claims = unverified.verify(keys.find(unverified.kid, Purpose.LICENSE).key)
            found = verify_license(token, keys, str(claims.get("aud")), now)
        except TokenRefused as refused:
            return Verified(reason=refused.reason)
        async with self._database.connection() as connection:
            revoked = await PostgresLicenses(connection).is_revoked(found.jti)
        return Verified(license=found, status=license_status(found, now, revoked=revoked))

    async def revocations(self) -> str:
        """Return the signed list of what was called back."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            licenses = PostgresLicenses(connection)
            number = await licenses.revocation_number()
            jtis = await licenses.revoked(now, KEPT_ON_LIST)
        listed = Revocations(
            iat=int(now.timestamp()),
            seq=number,
            next_update=now + NEXT_LIST,
            jtis=frozenset(jtis),
        )
        return sign_revocations(listed, self._keys.signing_key(Purpose.LICENSE))

    async def service_token(
        self, customer_id: str, scope: Iterable[str], reason: str, actor: str
    ) -> tuple[str, datetime]:
        """Return a token for one tenant and when it ends; who asked and why is written down."""
        now = self._clock.now()
        claims = new_service_token(customer_id, actor, scope, now, self._id())
        async with self._database.transaction() as connection:
            await PostgresCustomers(connection).get(customer_id)
            facts = {"scope": sorted(scope), "reason": reason, "jti": claims.jti}
            audit = PostgresAudit(connection)
            await audit.note(now, actor, "service_token_issued", customer_id, **facts)
        token = sign_service_token(claims, self._keys.signing_key(Purpose.SERVICE))
        return token, datetime.fromtimestamp(claims.exp, UTC)

    async def _renew(self, customer_id: str, now: datetime) -> bool:
        async with self._database.transaction() as connection:
            customers = PostgresCustomers(connection)
            customer = await customers.get(customer_id, lock=True)
            following = renewed(customer.subscription, now)
            if following == customer.subscription:
                return False
            await customers.subscribe(customer_id, following)
            await self.ensure(connection, await customers.get(customer_id), "period")
            return True

    def _made(self, wanted: License, reason: str) -> StoredLicense:
        key = self._keys.signing_key(Purpose.LICENSE)
        return StoredLicense(
            jti=wanted.jti,
            customer_id=wanted.sub,
            token=sign_license(wanted, key),
            kid=thumbprint(key),
            issued_at=datetime.fromtimestamp(wanted.iat, UTC),
            expires_at=datetime.fromtimestamp(wanted.exp, UTC),
            reason=reason,
            claims=wanted.claims(),
        )

    def _id(self) -> str:
        return b64u_encode(self._random(16))
