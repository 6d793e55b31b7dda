"""Ask a tenant that has come up to invite its owner."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx

from iotistic_billing.domain.mail import customer_of
from iotistic_billing.domain.tenancy import dashboard_url

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from iotistic_billing.usecases.invitations import Invitations
    from iotistic_billing.usecases.licensing import Licensing
    from iotistic_billing.usecases.tenants import Tenants
    from iotistic_kit.work import Job
    from iotistic_kit.worker import Lease

__all__ = ["Inviter", "TenantUnwillingError"]

SCOPE = "invite"
TIMEOUT = 10.0
_LARGEST = 64 * 1024
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,500}")


class TenantUnwillingError(Exception):
    """The tenant doesn't answer, or not with an invitation; ``str()`` holds no token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inviter:
    """Does the jobs that invite owners.

    The tenant replaces an unused invitation by a new one, so that asking again, after a worker
    died between the answer and its being noted, leaves one that is good and is mailed once.
    """

    tenants: Tenants
    licensing: Licensing
    invitations: Invitations
    context: ssl.SSLContext

    async def __call__(self, job: Job, _lease: Lease) -> Mapping[str, Any]:
        """Ask and have the answer mailed; raise TenantUnwillingError to be tried again."""
        customer_id = customer_of(job.key)
        tenant = await self.tenants.get(customer_id)
        customer, deployment = tenant.customer, tenant.deployment
        if deployment is None or customer.email is None:
            return {"skipped": "nobody to invite, or nowhere"}
        if not await self.invitations.is_open(customer_id):
            return {"skipped": "invited before"}
        answer = await self._ask(deployment.instance_url, customer_id, customer.email)
        if answer is None:
            await self.invitations.needless(job, customer_id)
            return {"skipped": "the tenant has an owner"}
        token, expires_at = answer
        link = f"{dashboard_url(deployment.address)}/invitation#{token}"
        await self.invitations.mail(job, customer_id, customer.email, link, expires_at)
        return {}

    async def _ask(self, url: str, customer_id: str, email: str) -> tuple[str, datetime] | None:
        """Return token and end of the invitation, None when the tenant has an owner."""
        token, _ = await self.licensing.service_token(
            customer_id, [SCOPE], "the owner's invitation", "billing"
        )
        try:
            async with httpx.AsyncClient(
                verify=self.context, timeout=TIMEOUT, trust_env=False
            ) as client:
                answer = await client.post(
                    f"{url}/api/v1/invitations",
                    json={"email": email, "role": "owner"},
                    headers={"Authorization": f"Bearer {token}"},
                )
        except httpx.HTTPError as error:
            raise TenantUnwillingError(
                f"the tenant doesn't answer: {type(error).__name__}"
            ) from None
        if answer.status_code == httpx.codes.CONFLICT:
            return None
        if answer.status_code != httpx.codes.CREATED or len(answer.content) > _LARGEST:
            raise TenantUnwillingError(f"the tenant answered {answer.status_code}")
        return _invitation(answer)


def _invitation(answer: httpx.Response) -> tuple[str, datetime]:
    try:
        body = answer.json()
        token, until = body["token"], datetime.fromisoformat(body["expiresAt"])
    except (ValueError, KeyError, TypeError):
        raise TenantUnwillingError("the tenant's answer holds no invitation") from None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token) or until.tzinfo is None:
        raise TenantUnwillingError("the tenant's answer holds no invitation")
    return token, until
