"""Bodies and queries that callers send; an unknown member is refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from iotistic_contract.ids import check_external_id
from iotistic_contract.plans import plan_named

__all__ = [
    "CustomerBody",
    "CustomerQuery",
    "DeployBody",
    "JobQuery",
    "LogQuery",
    "LoginBody",
    "OwnRecordBody",
    "PageQuery",
    "PlanBody",
    "RevokeBody",
    "Scope",
    "ServiceTokenBody",
    "SignUpBody",
    "VerifyBody",
]


def _checked_plan(name: str) -> str:
    return str(plan_named(name, "").name)


Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        max_length=254,
        # What else a mail's header would take for several addresses, or for a name, is left out.
        pattern=r"^[^@\s\x00-\x1f\x7f,;:<>()\[\]\\\"]+"
        r"@[^@\s\x00-\x1f\x7f,;:<>()\[\]\\\"]+\.[^@\s\x00-\x1f\x7f,;:<>()\[\]\\\".]+$",
    ),
]


ExternalId = Annotated[str, AfterValidator(check_external_id)]


PlanName = Annotated[str, AfterValidator(_checked_plan)]


Password = Annotated[SecretStr, Field(min_length=12, max_length=200)]


Scope = Literal[
    "read", "devices", "target-states", "overrides", "provisioning-keys", "audit", "upgrades"
]


Limit = Annotated[int, Field(ge=1, le=500)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CustomerBody(_Body):
    """What an operator wants a customer to be; an absent member is left as it is."""

    company_name: Words
    plan: PlanName
    email: Email | None = None
    full_name: Words | None = None
    state: Literal["present", "suspended"] = "present"


class SignUpBody(_Body):
    """The public form."""

    email: Email
    password: Password
    company_name: Words
    full_name: Words


class LoginBody(_Body):
    """E-mail address and password."""

    email: Email
    password: Annotated[SecretStr, Field(max_length=200)]


class OwnRecordBody(_Body):
    """What people may change of their own record."""

    company_name: Words | None = None
    full_name: Words | None = None


class PlanBody(_Body):
    """The plan that an operator sets."""

    plan: PlanName


class DeployBody(_Body):
    """Why a deployment is asked for."""

    reason: Reason = "asked for"


class RevokeBody(_Body):
    """Why licenses are called back."""

    reason: Reason


class ServiceTokenBody(_Body):
    """What a token is to reach at one tenant, and why; several scopes with a space between."""

    scope: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    reason: Reason

    @property
    def scopes(self) -> list[str]:
        """The scopes one by one."""
        return self.scope.split()


class VerifyBody(_Body):
    """A license's token."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=16 * 1024)]


class PageQuery(_Body):
    """A page of a list: what comes after a cursor."""

    after: str = ""
    limit: Limit = 100


class CustomerQuery(PageQuery):
    """Which customers."""

    external_id: ExternalId | None = None


class JobQuery(PageQuery):
    """Which jobs."""

    customer_id: str | None = None
    status: Literal["queued", "running", "succeeded", "failed", "canceled"] | None = None


class LogQuery(_Body):
    """Lines after number ``after``."""

    after: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 1000
