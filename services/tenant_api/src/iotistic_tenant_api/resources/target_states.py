"""Target states: of one device, of many, and what people override."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from iotistic_contract.errors import ContractError
from iotistic_contract.ids import check_uuid
from iotistic_contract.target_state import Spec
from iotistic_kit.app import principal_of
from iotistic_kit.bodies import read_body
from iotistic_kit.operation import operation
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.resources.access import OVERRIDE, READ_TARGETS, WRITE_TARGETS
from iotistic_tenant_api.resources.callers import name_of
from iotistic_tenant_api.schemas import (
    BulkTargets,
    BulkTargetsView,
    BulkView,
    TargetQuery,
    TargetView,
)
from iotistic_tenant_api.storage.targets import PostgresTargets
from iotistic_tenant_api.usecases.keep_devices import unknown_device
from iotistic_tenant_api.usecases.write_targets import SpecWrite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcon.asgi import Request, Response

    from iotistic_kit.auth import Principal
    from iotistic_kit.db import Database
    from iotistic_tenant_api.domain.targets import Target
    from iotistic_tenant_api.security.data_key import SecretStore
    from iotistic_tenant_api.usecases.write_targets import OverrideServices, WriteTargets

__all__ = [
    "BulkTargetStates",
    "Overrides",
    "TargetQueries",
    "TargetStates",
    "answer_target",
    "read_revision",
    "read_spec",
]

_REVISION = re.compile(r'"(0|[1-9][0-9]{0,15})"')
_OVERRIDES = {
    "type": "object",
    "description": "By service id: an override to set, or null to drop it",
    "additionalProperties": {
        "type": ["object", "null"],
        "required": ["owner", "reason"],
        "properties": {
            "state": {"enum": ["running", "stopped", "paused"]},
            "owner": {"type": "string"},
            "reason": {"type": "string"},
            "expiresAt": {"type": "string", "format": "date-time"},
            "restartedAt": {"type": "string", "format": "date-time"},
        },
    },
}


class TargetStates:
    """One device's spec, in force at once."""

    def __init__(self, database: Database, write: WriteTargets) -> None:
        self._database = database
        self._write = write

    @operation("Show a target state", access=READ_TARGETS, response=TargetView, problems=(404, 422))
    async def on_get(self, _req: Request, resp: Response, uuid: str) -> None:
        """Answer spec, overrides and version; the ETag header is the spec's revision."""
        async with self._database.connection() as connection:
            targets = await PostgresTargets(connection).get([check_uuid(uuid)])
        if uuid not in targets:
            raise unknown_device(uuid)
        answer_target(resp, targets[uuid])

    @operation(
        "Write a spec",
        access=WRITE_TARGETS,
        request=Spec,
        response=TargetView,
        problems=(402, 404, 412, 428),
    )
    async def on_put(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer the target state; `If-Match` is the revision that the write is based on."""
        revision = read_revision(req)
        spec = await req.get_media()
        one = SpecWrite(uuid=check_uuid(uuid), revision=revision, spec=read_spec(spec))
        written = await self._write([one], by=name_of(req))
        answer_target(resp, written[0])


class BulkTargetStates:
    """Specs of many devices."""

    def __init__(self, write: WriteTargets) -> None:
        self._write = write

    @operation(
        "Write the specs of many devices, all or none",
        access=WRITE_TARGETS,
        request=BulkTargets,
        response=BulkTargetsView,
        problems=(402, 404, 412),
    )
    async def on_put(self, req: Request, resp: Response) -> None:
        """Answer the new versions, in the order of the request."""
        body = await read_body(req, BulkTargets)
        writes = [
            SpecWrite(
                uuid=one.uuid,
                revision=one.spec_revision,
                spec=read_spec(one.spec, "targets", index, "spec"),
                pointer=("targets", index, "spec"),
            )
            for index, one in enumerate(body.targets)
        ]
        written = await self._write(writes, by=name_of(req))
        resp.media = {"items": [_written(target) for target in written]}


class TargetQueries:
    """Target states of a list of devices."""

    def __init__(self, database: Database, secrets: SecretStore) -> None:
        self._database = database
        self._secrets = secrets

    @operation(
        "Show the target states of many devices",
        access=READ_TARGETS,
        request=TargetQuery,
        response=BulkView,
    )
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer those that are devices here, in the order of the request.

        HMACs of given secrets are answered to who may write target states, so that a module can
        compare without the tenant's key.
        """
        body = await read_body(req, TargetQuery)
        if body.secrets:
            WRITE_TARGETS.check(principal_of(req), {})
        async with self._database.connection() as connection:
            targets = await PostgresTargets(connection).get(body.uuids)
        found = (targets[uuid] for uuid in dict.fromkeys(body.uuids) if uuid in targets)
        resp.media = {"items": [_view(target) | self._hmacs(body, target.uuid) for target in found]}

    def _hmacs(self, body: TargetQuery, uuid: str) -> dict[str, Any]:
        given = body.secrets.get(uuid)
        if given is None:
            return {}
        hmacs = {
            service_id: {
                name: self._secrets.hmac(service_id, name, value) for name, value in values.items()
            }
            for service_id, values in given.items()
        }
        return {"secretHmacs": hmacs}


class Overrides:
    """A person's start, stop or pause of services."""

    def __init__(self, override: OverrideServices) -> None:
        self._override = override

    @operation(
        "Override states of services",
        access=OVERRIDE,
        request=_OVERRIDES,
        response=TargetView,
        problems=(402, 404),
    )
    async def on_patch(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer the target state with the overrides in force."""
        patch = await req.get_media()
        if not isinstance(patch, dict):
            raise ContractError("", "expected an object of overrides by service id")
        patch = _owned(patch, principal_of(req), name_of(req))
        target = await self._override(check_uuid(uuid), patch, by=name_of(req))
        answer_target(resp, target)


def _owned(patch: Mapping[str, Any], who: Principal, name: str) -> Mapping[str, Any]:
    """Return the patch with a person as the owner of what that person overrides."""
    if who.kind != "person":
        return patch
    return {
        key: {**body, "owner": name} if isinstance(body, dict) else body
        for key, body in patch.items()
    }


def answer_target(resp: Response, target: Target) -> None:
    """Answer a target state; the ETag header is the spec's revision."""
    resp.media = _view(target)
    resp.set_header("ETag", f'"{target.spec_revision}"')


def _view(target: Target) -> dict[str, Any]:
    return {
        "uuid": target.uuid,
        "spec": target.spec,
        "specRevision": target.spec_revision,
        "overrides": target.overrides,
        "version": target.version,
        "etag": target.etag,
    }


def _written(target: Target) -> dict[str, Any]:
    view = _view(target)
    return {name: view[name] for name in ("uuid", "version", "specRevision", "etag")}


def read_revision(req: Request) -> int:
    """Return the revision in `If-Match`; 428 without it, 412 for what is none."""
    given = req.get_header("If-Match")
    if given is None:
        raise Refused(
            428, "precondition_required", "If-Match must name the specRevision it is based on"
        )
    found = _REVISION.fullmatch(given.strip())
    if found is None:
        raise Refused(412, "precondition_failed", 'If-Match must be a revision such as "3"')
    return int(found[1])


def read_spec(document: object, *pointer: str | int) -> Mapping[str, Any]:
    """Return the object that a spec must be; ContractError, under `pointer`, for anything else."""
    if not isinstance(document, dict):
        raise ContractError("", "expected an object with apps and config").under(*pointer)
    return document
