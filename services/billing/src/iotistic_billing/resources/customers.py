"""Customers, for operators and for themselves."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from iotistic_billing.domain.errors import CustomerNotFound, EmailTaken, PlanConflict
from iotistic_billing.schemas.bodies import (
    CustomerBody,
    CustomerQuery,
    OwnRecordBody,
    PageQuery,
    PlanBody,
)
from iotistic_billing.schemas.customers import CustomerPage, CustomerView, TenantPage, TenantView
from iotistic_billing.security import ADMIN, OWN, OWN_PERSON
from iotistic_billing.usecases.customers import WantedCustomer
from iotistic_contract.errors import ContractError
from iotistic_contract.ids import check_external_id
from iotistic_kit.app import principal_of
from iotistic_kit.bodies import read_body, read_query
from iotistic_kit.operation import operation

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_billing.usecases.customers import Customers
    from iotistic_billing.usecases.tenants import Tenants

__all__ = [
    "CustomerResource",
    "CustomersByName",
    "CustomersResource",
    "PlanOfCustomer",
    "TenantsResource",
]


class CustomersResource:
    """All customers."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    @operation("List customers", access=ADMIN, query=CustomerQuery, response=CustomerPage)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer a page, by customer id."""
        query = read_query(req, CustomerQuery)
        found = await self._tenants.page(
            after=query.after, limit=query.limit, external_id=query.external_id
        )
        following = found[-1].customer.id if len(found) == query.limit else None
        page = CustomerPage(items=[CustomerView.of(each) for each in found], next=following)
        resp.media = page.model_dump(mode="json")


class CustomersByName:
    """One customer by the name that an inventory gives it."""

    def __init__(self, customers: Customers) -> None:
        self._customers = customers

    @operation(
        "Create or update a customer",
        access=ADMIN,
        request=CustomerBody,
        response=CustomerView,
        problems=(EmailTaken, PlanConflict),
    )
    async def on_put(self, req: Request, resp: Response, external_id: str) -> None:
        """Answer 201 for a new customer, else 200."""
        body = await read_body(req, CustomerBody)
        wanted = WantedCustomer(
            external_id=_checked(external_id),
            company_name=body.company_name,
            plan=body.plan,
            email=body.email,
            full_name=body.full_name,
            suspended=body.state == "suspended",
        )
        tenant, created = await self._customers.put(wanted, principal_of(req).id)
        resp.status = HTTPStatus.CREATED if created else HTTPStatus.OK
        resp.media = CustomerView.of(tenant).model_dump(mode="json")


class CustomerResource:
    """One customer."""

    def __init__(self, customers: Customers, tenants: Tenants) -> None:
        self._customers = customers
        self._tenants = tenants

    @operation("Show a customer", access=OWN, response=CustomerView, problems=(CustomerNotFound,))
    async def on_get(self, _req: Request, resp: Response, customer_id: str) -> None:
        """Answer the customer with its deployment."""
        resp.media = CustomerView.of(await self._tenants.get(customer_id)).model_dump(mode="json")

    @operation(
        "Change a customer's own record",
        access=OWN_PERSON,
        request=OwnRecordBody,
        response=CustomerView,
        problems=(CustomerNotFound,),
    )
    async def on_patch(self, req: Request, resp: Response, customer_id: str) -> None:
        """Answer the customer as it is then."""
        body = await read_body(req, OwnRecordBody)
        tenant = await self._customers.change(
            customer_id,
            principal_of(req).id,
            company_name=body.company_name,
            full_name=body.full_name,
        )
        resp.media = CustomerView.of(tenant).model_dump(mode="json")


class PlanOfCustomer:
    """The plan of one customer."""

    def __init__(self, customers: Customers) -> None:
        self._customers = customers

    @operation(
        "Set a customer's plan",
        access=ADMIN,
        request=PlanBody,
        response=CustomerView,
        problems=(CustomerNotFound, PlanConflict),
    )
    async def on_put(self, req: Request, resp: Response, customer_id: str) -> None:
        """Answer the customer; its license is new, and a deployed tenant follows."""
        body = await read_body(req, PlanBody)
        tenant = await self._customers.set_plan(customer_id, body.plan, principal_of(req).id)
        resp.media = CustomerView.of(tenant).model_dump(mode="json")


class TenantsResource:
    """All tenants that have a place, for an inventory."""

    def __init__(self, tenants: Tenants, base_domain: str) -> None:
        self._tenants = tenants
        self._base_domain = base_domain

    @operation("List tenants", access=ADMIN, query=PageQuery, response=TenantPage)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer a page, by customer id."""
        query = read_query(req, PageQuery)
        found = await self._tenants.page(after=query.after, limit=query.limit)
        following = found[-1].customer.id if len(found) == query.limit else None
        views = [TenantView.of(each, self._base_domain) for each in found]
        page = TenantPage(items=[view for view in views if view], next=following)
        resp.media = page.model_dump(mode="json")


def _checked(external_id: str) -> str:
    try:
        return check_external_id(external_id)
    except ContractError as error:
        raise error.under("external_id") from None
