"""Values that the demo's parts are tested with."""

from __future__ import annotations

import pytest

from tools.demo.parts import Device, Parts, Tenant

ACME = Tenant(
    "acme", "cust_1", "0a1b2c3d", "professional", "https://127.79.1.16:3002",
    "https://127.79.1.16:3000",
)  # fmt: skip


@pytest.fixture
def parts():
    return Parts(
        billing="https://127.79.1.3:3100",
        registry="http://127.79.1.4:5000",
        tenants=(ACME,),
        devices=(
            Device("acme-gateway", "5f0e8f4e-2a64-4d0a-9a57-6a9e1d1f6b01", "acme", "127.79.1.128"),
        ),
    )
