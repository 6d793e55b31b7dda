"""A deployment that is done asks for its owner's invitation: once, and anew for a new tenant."""

import pytest

from iotistic_billing.usecases.customers import WantedCustomer

pytestmark = pytest.mark.real


async def asked(site):
    async with site.built.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT key FROM work WHERE kind = 'invite' ORDER BY number"
        )
        return [row[0] for row in await cursor.fetchall()]


async def test_each_tenant_that_came_up_invites_its_owner(site):
    tenants, customer = site.built.parts.tenants, site.tenant.customer.id
    wanted = WantedCustomer(
        external_id="acme", company_name="Acme", plan="starter", email="o@acme.example"
    )
    await site.built.parts.customers.put(wanted, "admin")
    site.start_worker()

    await site.ended((await site.deploy()).job_id)
    first = await asked(site)
    await site.ended((await tenants.remove(customer, "test", "admin")).job_id)
    await site.ended((await site.deploy()).job_id)

    key = f"{customer}/invite"
    assert (first, await asked(site)) == ([key], [key, key])
