"""Bodies about orders, as people send and get them."""

from typing import Annotated

from pydantic import StrictBool, StringConstraints

from iotistic_tenant_api.schemas import Body, Time

__all__ = ["OrderPage", "OrderView", "UpgradeWish"]


class UpgradeWish(Body):
    """The release that a device's agent is to become; an older one only when that is said."""

    version: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    allow_downgrade: StrictBool = False


class OrderView(Body):
    """An order and how it stands; its token goes to the device alone."""

    id: str
    kind: str
    version: str | None
    sha256: str | None
    allow_downgrade: bool
    counter: int
    not_before: Time
    expires: Time
    status: str
    exit_code: int | None
    output: str | None
    created_at: Time
    created_by: str
    changed_at: Time


class OrderPage(Body):
    """Orders of one device, newest first."""

    items: list[OrderView]
