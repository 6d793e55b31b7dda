"""The schema that a device speaks, checked and answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_contract.schema import SCHEMA_HEADER, spoken

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

__all__ = ["SpokenSchema"]

_DEVICE_PATHS = ("/api/v1/device/", "/api/provisioning/")


class SpokenSchema:
    """Middleware for devices' routes: 422 for a header that is no schema."""

    async def process_request(self, req: Request, resp: Response) -> None:
        """Answer in the lower of both sides' highest schemas."""
        if req.path.startswith(_DEVICE_PATHS):
            resp.set_header(SCHEMA_HEADER, str(spoken(req.get_header(SCHEMA_HEADER))))
