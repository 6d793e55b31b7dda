"""What stands on every answer to a device: the schema spoken, the ETag of its credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_contract.schema import SCHEMA_HEADER, spoken

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_tenant_api.domain.site import Site

__all__ = ["DeviceHeaders"]

_DEVICE_PATHS = ("/api/v1/device/", "/api/provisioning/")


class DeviceHeaders:
    """Middleware for devices' routes; 422 for a header that names no schema."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def process_request(self, req: Request, resp: Response) -> None:
        """Answer in the lower of both sides' highest schemas."""
        if req.path.startswith(_DEVICE_PATHS):
            resp.set_header(SCHEMA_HEADER, str(spoken(req.get_header(SCHEMA_HEADER))))

    async def process_response(
        self,
        req: Request,
        resp: Response,
        _resource: object,
        _succeeded: bool,  # noqa: FBT001 - Falcon's
    ) -> None:
        """Say which credentials are in force to a device that was authenticated."""
        key = getattr(req.context, "device_key", None)
        if key is not None:
            resp.set_header("X-Credentials-ETag", self._site.credentials_etag(key.registration))
