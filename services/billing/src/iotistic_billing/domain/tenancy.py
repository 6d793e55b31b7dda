"""Where a tenant goes, what is wanted there, and how its status moves."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from iotistic_contract.codec import canonical

from .errors import AddressesExhausted
from .model import Customer, CustomerStatus, Deployment, JobKind, JobState

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "CANCELED_BY",
    "PlatformFacts",
    "address_for",
    "customer_status",
    "dashboard_url",
    "deploy_kind",
    "deployment_status",
    "instance_url",
    "joins",
    "removes",
    "tenant_state",
    "wanted_hash",
]

FIRST_HOST, LAST_HOST = 16, 127
TENANT_PORT, DASHBOARD_PORT = 3002, 3000
UNDER_WAY = frozenset({JobState.QUEUED, JobState.RUNNING})
# Waiting jobs of these kinds are void once a job of the key's kind is queued.
CANCELED_BY = {
    JobKind.DEPLOY: (JobKind.SUSPEND,),
    JobKind.SUSPEND: (JobKind.DEPLOY,),
    JobKind.DELETE: (JobKind.DEPLOY, JobKind.SUSPEND),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformFacts:
    """What every tenant takes from the platform: code, keys and names."""

    code_hash: str
    license_kid: str
    service_kid: str
    base_domain: str
    billing_url: str


def address_for(network: IPv4Network, taken: Collection[str]) -> str:
    """Return the lowest free address for a tenant, .16 to .127 of ``network``."""
    for host in range(FIRST_HOST, LAST_HOST + 1):
        address = str(IPv4Address(int(network.network_address) + host))
        if address not in taken:
            return address
    raise AddressesExhausted(f"all addresses for tenants in {network} are taken")


def instance_url(address: str) -> str:
    """Return where the tenant API at ``address`` answers."""
    return f"https://{address}:{TENANT_PORT}"


def dashboard_url(address: str) -> str:
    """Return where the dashboard of the tenant at ``address`` answers."""
    return f"https://{address}:{DASHBOARD_PORT}"


def deploy_kind(customer: Customer) -> JobKind:
    """Return the kind of job that brings the tenant to what is wanted."""
    return JobKind.SUSPEND if customer.suspended else JobKind.DEPLOY


def tenant_state(kind: JobKind) -> str:
    """Return ``tenant_state`` of the playbook for a job."""
    return {"deploy": "present", "suspend": "suspended", "delete": "absent"}[kind]


def wanted_hash(customer: Customer, address: str, platform: PlatformFacts) -> str:
    """Return the hash of all that a deployment is made from; equal means nothing to apply."""
    wanted = {
        "customerId": customer.id,
        "externalId": customer.external_id,
        "companyName": customer.company_name,
        "plan": customer.subscription.plan,
        "state": tenant_state(deploy_kind(customer)),
        "address": address,
        "codeHash": platform.code_hash,
        "licenseKid": platform.license_kid,
        "serviceKid": platform.service_kid,
        "baseDomain": platform.base_domain,
        "billingUrl": platform.billing_url,
    }
    return hashlib.sha256(canonical(wanted)).hexdigest()


def customer_status(customer: Customer, deployment: Deployment | None) -> CustomerStatus:
    """Return how far the customer's tenant is; one that is ready stays so while it is updated."""
    if deployment is None:
        removed = customer.removed_at is not None
        return CustomerStatus.REMOVED if removed else CustomerStatus.PENDING
    under_way = deployment.job_state in UNDER_WAY
    if deployment.job_kind is JobKind.DELETE and deployment.job_state is not JobState.CANCELED:
        return CustomerStatus.REMOVING if under_way else CustomerStatus.FAILED
    if customer.suspended:
        return CustomerStatus.SUSPENDED
    if deployment.job_state is JobState.FAILED:
        return CustomerStatus.FAILED
    if deployment.applied_at is not None:
        return CustomerStatus.READY
    return CustomerStatus.PROVISIONING if under_way else CustomerStatus.PENDING


def deployment_status(deployment: Deployment) -> str:
    """Return the state of the last job while it isn't done, else what it has made."""
    if deployment.job_state is None:
        return "pending"
    if deployment.job_state is not JobState.SUCCEEDED:
        return str(deployment.job_state)
    return "suspended" if deployment.job_kind is JobKind.SUSPEND else "ready"


def joins(deployment: Deployment, kind: JobKind, wanted: str) -> bool:
    """Tell whether the last job will bring what is wanted, so that no other need be queued."""
    if deployment.job_kind is not kind:
        return False
    if deployment.job_state is JobState.QUEUED:
        return True
    return deployment.job_state is JobState.RUNNING and deployment.begun_hash == wanted


def removes(deployment: Deployment) -> bool:
    """Tell whether a job that removes the tenant waits or runs."""
    return deployment.job_kind is JobKind.DELETE and deployment.job_state in UNDER_WAY
