"""Sign-up, login, and the catalogue: what everyone may call."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from iotistic_billing.domain.errors import (
    EmailTaken,
    IdempotencyKeyReused,
    LoginRefused,
    TooManyAttempts,
)
from iotistic_billing.resources.deployments import deploy_answer
from iotistic_billing.resources.source import source_of
from iotistic_billing.schemas.bodies import LoginBody, SignUpBody
from iotistic_billing.schemas.customers import (
    CustomerView,
    LoginAnswer,
    PlanList,
    SignUpAnswer,
    plan_list,
)
from iotistic_billing.usecases.accounts import SignUpForm
from iotistic_billing.usecases.tenants import Queued
from iotistic_kit.auth import PUBLIC
from iotistic_kit.bodies import read_body
from iotistic_kit.errors import Problem
from iotistic_kit.operation import operation

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_billing.usecases.accounts import Accounts, SignedUp
    from iotistic_billing.usecases.tenants import Tenants

__all__ = ["Login", "Plans", "SignUp"]

_LARGEST_FORM = 16 * 1024
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class SignUp:
    """The public sign-up."""

    def __init__(self, accounts: Accounts, tenants: Tenants, public_url: str) -> None:
        self._accounts = accounts
        self._tenants = tenants
        self._public_url = public_url

    @operation(
        "Sign up for a trial",
        access=PUBLIC,
        request=SignUpBody,
        response=SignUpAnswer,
        status=201,
        problems=(EmailTaken, IdempotencyKeyReused, TooManyAttempts),
        max_body=_LARGEST_FORM,
    )
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer the new customer, and its deployment unless the address waits to be verified."""
        body = await read_body(req, SignUpBody)
        form = SignUpForm(
            email=body.email,
            password=body.password.get_secret_value(),
            company_name=body.company_name,
            full_name=body.full_name,
            source=source_of(req),
            idempotency_key=_idempotency_key(req),
        )
        made = await self._accounts.sign_up(form)
        resp.status = HTTPStatus.CREATED
        resp.media = (await self._answer(made)).model_dump(mode="json")
        if made.replayed:
            resp.set_header("Idempotency-Replayed", "true")

    async def _answer(self, made: SignedUp) -> SignUpAnswer:
        tenant = await self._tenants.get(made.customer_id)
        deployment = None
        if made.job_id is not None and tenant.deployment is not None:
            queued = Queued(
                job_id=made.job_id,
                status=tenant.deployment_status,
                instance_url=tenant.deployment.instance_url,
            )
            deployment = deploy_answer(queued, made.customer_id, self._public_url)
        return SignUpAnswer(customer=CustomerView.of(tenant), deployment=deployment)


class Login:
    """Sessions of people."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    @operation(
        "Open a session",
        access=PUBLIC,
        request=LoginBody,
        response=LoginAnswer,
        problems=(LoginRefused, TooManyAttempts),
        max_body=_LARGEST_FORM,
    )
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer a token for the Authorization header."""
        body = await read_body(req, LoginBody)
        session = await self._accounts.login(
            body.email, body.password.get_secret_value(), source_of(req)
        )
        answer = LoginAnswer(
            token=session.token, customer_id=session.customer_id, expires_at=session.expires_at
        )
        resp.media = answer.model_dump(mode="json")
        resp.set_header("Cache-Control", "no-store")


class Plans:
    """The catalogue."""

    @operation("List the plans on sale", access=PUBLIC, response=PlanList)
    async def on_get(self, _req: Request, resp: Response) -> None:
        """Answer all plans, smallest first."""
        resp.media = plan_list().model_dump(mode="json")


def _idempotency_key(req: Request) -> str | None:
    key = req.get_header("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(422, "invalid", "Idempotency-Key is 1 to 255 visible characters")
    return key
