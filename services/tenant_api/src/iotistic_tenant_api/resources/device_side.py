"""What a device calls with its API key: /api/v1/device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iotistic_contract.codec import decode
from iotistic_contract.errors import ContractError
from iotistic_contract.provisioning import (
    CertificatesAnswer,
    CertificatesRequest,
    Credentials,
    ReleaseRequest,
    RotateKeyRequest,
)
from iotistic_contract.report import Report
from iotistic_contract.target_state import TargetState
from iotistic_kit.auth import PUBLIC
from iotistic_kit.errors import Problem
from iotistic_kit.operation import operation
from iotistic_tenant_api.resources.access import DEVICE, REPORT
from iotistic_tenant_api.security.devices import device_key_of

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_tenant_api.domain.device_keys import DeviceKey
    from iotistic_tenant_api.domain.site import Site
    from iotistic_tenant_api.security.devices import DeviceKeys
    from iotistic_tenant_api.usecases.read_state import ReadState
    from iotistic_tenant_api.usecases.signed_calls import (
        ReleaseDevice,
        RenewCertificate,
        RotateKey,
    )
    from iotistic_tenant_api.usecases.take_report import TakeReport

__all__ = [
    "DeviceCertificateRenewals",
    "DeviceCredentials",
    "DeviceKeyRotations",
    "DeviceReleases",
    "DeviceReports",
    "DeviceStates",
]


class DeviceStates:
    """The target document of one device."""

    def __init__(self, read_state: ReadState, poll_interval_ms: int) -> None:
        self._read_state = read_state
        self._poll_interval = str(poll_interval_ms)

    @operation("Poll the target state", access=DEVICE, response=TargetState, problems=(304,))
    async def on_get(self, req: Request, resp: Response, uuid: str) -> None:  # noqa: ARG002 - guarded
        """Answer 304 when `If-None-Match` is the ETag in force, byte for byte."""
        key: DeviceKey = req.context.device_key
        etag = self._read_state.peek(key)
        known = _known(req)
        resp.set_header("X-Poll-Interval-Ms", self._poll_interval)
        if etag is None or etag != known:
            document = await self._read_state(key)
            etag = document.etag
            resp.media = document.body
        resp.set_header("ETag", etag)
        if etag == known:
            resp.status = 304
            resp.media = None


class DeviceReports:
    """Reports: 204 means that it is stored."""

    def __init__(self, take_report: TakeReport) -> None:
        self._take_report = take_report

    @operation("Report the current state", access=REPORT, request=Report, status=204)
    async def on_patch(self, req: Request, resp: Response) -> None:
        """Store each section that is present."""
        key: DeviceKey = req.context.device_key
        body = await req.get_media()
        report = decode(Report, body, unknown="keep")
        if report.uuid is not None and report.uuid != key.device_uuid:
            raise Problem(403, "forbidden", "this key is another device's")
        await self._take_report(key, body)
        resp.status = 204


class DeviceKeyRotations:
    """New secrets for API keys."""

    def __init__(self, rotate_key: RotateKey) -> None:
        self._rotate_key = rotate_key

    @operation(
        "Take the hash of a new API secret",
        access=DEVICE,
        request=RotateKeyRequest,
        status=204,
        problems=(409,),
    )
    async def on_post(self, req: Request, resp: Response, uuid: str) -> None:  # noqa: ARG002 - guarded
        """Answer 204, also to a repeat."""
        request = decode(RotateKeyRequest, await req.get_media(), unknown="keep")
        await self._rotate_key(req.context.device_key, request)
        resp.status = 204


class DeviceCertificateRenewals:
    """New certificates for broker and VPN."""

    def __init__(self, renew: RenewCertificate) -> None:
        self._renew = renew

    @operation(
        "Renew the client certificate",
        access=DEVICE,
        request=CertificatesRequest,
        response=CertificatesAnswer,
    )
    async def on_post(self, req: Request, resp: Response, uuid: str) -> None:  # noqa: ARG002 - guarded
        """Answer the new leaf."""
        request = decode(CertificatesRequest, await req.get_media(), unknown="keep")
        resp.media = {"clientCertificate": await self._renew(req.context.device_key, request)}


class DeviceCredentials:
    """CA bundle, broker, VPN profile, order keys."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @operation("Read the credentials", access=DEVICE, response=Credentials, problems=(304,))
    async def on_get(self, req: Request, resp: Response, uuid: str) -> None:  # noqa: ARG002 - guarded
        """Answer 304 when `If-None-Match` is their ETag."""
        key: DeviceKey = req.context.device_key
        etag = self._site.credentials_etag(key.registration)
        resp.set_header("ETag", etag)
        if _known(req) == etag:
            resp.status = 304
            return
        resp.media = self._site.credentials(key.registration)


class DeviceReleases:
    """The end of a registration by the device itself; its signature decides."""

    def __init__(self, release: ReleaseDevice, keys: DeviceKeys) -> None:
        self._release = release
        self._keys = keys

    @operation(
        "Release the device",
        access=PUBLIC,
        request=ReleaseRequest,
        status=204,
        problems=(401, 403),
    )
    async def on_post(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer 204; a dead API key is passed over, a living one of another device is refused."""
        await self._check_key(req, uuid)
        request = decode(ReleaseRequest, _object(await req.get_media()), unknown="keep")
        await self._release(uuid, request)
        resp.status = 204

    async def _check_key(self, req: Request, uuid: str) -> None:
        text = device_key_of(req)
        if text is None:
            return
        try:
            key = await self._keys.check(text)
        except Problem as problem:
            if problem.status != 401:
                raise
            return
        if key.device_uuid != uuid:
            raise Problem(403, "forbidden", "this key is another device's")


def _known(req: Request) -> str | None:
    """Return the one ETag of `If-None-Match`; a weak one counts as itself."""
    header = req.get_header("If-None-Match")
    return None if header is None else header.removeprefix("W/")


def _object(body: object) -> Any:
    if not isinstance(body, dict):
        raise ContractError("", "expected an object")
    return body
