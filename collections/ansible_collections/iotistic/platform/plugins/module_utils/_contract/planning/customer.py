# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""What makes billing's record of a customer, and its deployment, what an inventory wants."""

from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import ContractError
from ..ids import check_external_id
from ..plans import plan_named
from .plan import Plan

__all__ = [
    "ActualCustomer",
    "AwaitDeployment",
    "Customer",
    "CustomerState",
    "Deploy",
    "PutCustomer",
    "plan",
    "plan_conflict",
]

CustomerState = Literal["present", "suspended"]

# A deployment that is as wanted, by what is wanted; simulated stands beside ready.
_SETTLED = {"present": frozenset({"ready", "simulated"}), "suspended": frozenset({"suspended"})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """What the inventory says of one customer; None means that billing's value stands."""

    external_id: str
    company_name: str
    plan: str
    email: str | None = None
    full_name: str | None = None
    state: CustomerState = "present"

    def __post_init__(self) -> None:
        try:
            check_external_id(self.external_id)
        except ContractError as exc:
            raise exc.under("external_id") from None
        plan_named(self.plan)
        if not self.company_name.strip():
            raise ContractError("company_name", "is empty")
        if self.email is not None and "@" not in self.email:
            raise ContractError("email", "not an e-mail address")
        if self.state not in get_args(CustomerState):
            raise ContractError("state", f"present or suspended, not {self.state!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualCustomer:
    """Billing's record with its deployment, and whether the tenant itself answered healthy."""

    id: str
    external_id: str
    company_name: str
    plan: str
    plan_source: str
    status: str
    email: str | None = None
    full_name: str | None = None
    state: str = "present"
    wanted_hash: str | None = None
    applied_hash: str | None = None
    deployment_status: str | None = None
    healthy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PutCustomer:
    """Create or update the record; None leaves a member as it is."""

    external_id: str
    company_name: str
    plan: str
    email: str | None = None
    full_name: str | None = None
    state: str = "present"


@dataclass(frozen=True, slots=True)
class Deploy:
    """Have billing queue a deployment, or give the job that already waits or runs."""

    reason: str


@dataclass(frozen=True, slots=True)
class AwaitDeployment:
    """Wait until the deployment is as wanted."""


Step = PutCustomer | Deploy | AwaitDeployment


def plan(actual: ActualCustomer | None, desired: Customer) -> Plan:
    """Record first, then the deployment; a plan that Stripe decides changes nothing at all."""
    conflict = plan_conflict(actual, desired)
    if actual is not None and conflict is not None:
        shown = _shown(actual)
        return Plan(shown, shown, (), (f"plan_conflict: {conflict}",))
    steps: list[Step] = []
    if _record_differs(actual, desired):
        steps.append(_put(desired))
    reason = _reason(actual, desired)
    if reason is not None:
        steps += [Deploy(reason), AwaitDeployment()]
    before = {} if actual is None else _shown(actual)
    return Plan(before, _wanted(actual, desired), tuple(steps))


def plan_conflict(actual: ActualCustomer | None, desired: Customer) -> str | None:
    """Return why the wanted plan can't be set, or None when it can or already is."""
    if actual is None or actual.plan_source != "stripe" or actual.plan == desired.plan:
        return None
    return (
        f"{desired.external_id} pays for {actual.plan} through Stripe, "
        f"the inventory says {desired.plan}: change one of them"
    )


def _put(desired: Customer) -> PutCustomer:
    return PutCustomer(
        external_id=desired.external_id,
        company_name=desired.company_name,
        plan=desired.plan,
        email=desired.email,
        full_name=desired.full_name,
        state=desired.state,
    )


def _record_differs(actual: ActualCustomer | None, desired: Customer) -> bool:
    if actual is None or _deployed_part_differs(actual, desired):
        return True
    return any(
        wanted is not None and wanted != found
        for wanted, found in (
            (desired.email, actual.email),
            (desired.full_name, actual.full_name),
        )
    )


def _deployed_part_differs(actual: ActualCustomer, desired: Customer) -> tuple[str, ...]:
    names = ("company_name", "plan", "state")
    return tuple(name for name in names if getattr(actual, name) != getattr(desired, name))


def _reason(actual: ActualCustomer | None, desired: Customer) -> str | None:
    if actual is None:
        return "created"
    changed = _deployed_part_differs(actual, desired)
    if changed:
        return f"changed: {', '.join(changed)}"
    standing = _standing(actual)
    return None if standing in _SETTLED[desired.state] else f"deployment is {standing}"


def _standing(actual: ActualCustomer) -> str:
    """Return the deployment's status, or what its status alone doesn't tell."""
    status = actual.deployment_status or "missing"
    if status not in _SETTLED["present"]:  # a suspended one is neither healthy nor kept up to date
        return status
    if actual.wanted_hash != actual.applied_hash:
        return "outdated"
    return status if actual.healthy else "unhealthy"


def _shown(actual: ActualCustomer) -> dict[str, object]:
    return {
        "external_id": actual.external_id,
        "company_name": actual.company_name,
        "plan": actual.plan,
        "email": actual.email,
        "full_name": actual.full_name,
        "state": actual.state,
        "deployment": _standing(actual),
    }


def _wanted(actual: ActualCustomer | None, desired: Customer) -> dict[str, object]:
    settled = _SETTLED[desired.state]
    standing = _standing(actual) if actual is not None else None
    return {
        "external_id": desired.external_id,
        "company_name": desired.company_name,
        "plan": desired.plan,
        "email": desired.email or (actual.email if actual else None),
        "full_name": desired.full_name or (actual.full_name if actual else None),
        "state": desired.state,
        "deployment": standing
        if standing in settled
        else ("ready" if desired.state == "present" else "suspended"),
    }
