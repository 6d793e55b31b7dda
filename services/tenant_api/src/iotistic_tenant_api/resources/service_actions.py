"""What people do with one service of a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_contract.ids import check_uuid
from iotistic_kit.operation import operation
from iotistic_tenant_api.fleet_schemas import Restart, ServiceHold
from iotistic_tenant_api.resources.access import OVERRIDE
from iotistic_tenant_api.resources.callers import name_of
from iotistic_tenant_api.resources.target_states import answer_target
from iotistic_tenant_api.schemas import TargetView
from iotistic_tenant_api.usecases.act_on_services import Action, ServiceAct

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_tenant_api.usecases.act_on_services import ActOnService

__all__ = ["ServiceActions"]

_PROBLEMS = (402, 404, 409)


class ServiceActions:
    """Start, stop, pause, restart and give-back; each answers the target state."""

    def __init__(self, act: ActOnService) -> None:
        self._act = act

    @operation(
        "Have a service run, whatever the spec says",
        access=OVERRIDE,
        request=ServiceHold,
        response=TargetView,
        problems=_PROBLEMS,
    )
    async def on_post_start(
        self, req: Request, resp: Response, uuid: str, app_id: str, service_id: str
    ) -> None:
        """Hold it running until `expiresAt`, or until it is given back."""
        await self._hold(req, resp, Action.START, (uuid, app_id, service_id))

    @operation(
        "Have a service stopped, whatever the spec says",
        access=OVERRIDE,
        request=ServiceHold,
        response=TargetView,
        problems=_PROBLEMS,
    )
    async def on_post_stop(
        self, req: Request, resp: Response, uuid: str, app_id: str, service_id: str
    ) -> None:
        """Hold it stopped until `expiresAt`, or until it is given back."""
        await self._hold(req, resp, Action.STOP, (uuid, app_id, service_id))

    @operation(
        "Have a service paused, whatever the spec says",
        access=OVERRIDE,
        request=ServiceHold,
        response=TargetView,
        problems=_PROBLEMS,
    )
    async def on_post_pause(
        self, req: Request, resp: Response, uuid: str, app_id: str, service_id: str
    ) -> None:
        """Hold it paused until `expiresAt`, or until it is given back."""
        await self._hold(req, resp, Action.PAUSE, (uuid, app_id, service_id))

    @operation(
        "Have a service's container made anew",
        access=OVERRIDE,
        request=Restart,
        response=TargetView,
        problems=_PROBLEMS,
    )
    async def on_post_restart(
        self, req: Request, resp: Response, uuid: str, app_id: str, service_id: str
    ) -> None:
        """Restart a service that is to run; 409 for one that isn't."""
        await self._once(req, resp, Action.RESTART, (uuid, app_id, service_id))

    @operation(
        "Give a service back to the spec",
        access=OVERRIDE,
        request=Restart,
        response=TargetView,
        problems=_PROBLEMS,
    )
    async def on_post_give_back(
        self, req: Request, resp: Response, uuid: str, app_id: str, service_id: str
    ) -> None:
        """Drop what is held of it; also when nothing is."""
        await self._once(req, resp, Action.GIVE_BACK, (uuid, app_id, service_id))

    async def _hold(
        self, req: Request, resp: Response, action: Action, place: tuple[str, str, str]
    ) -> None:
        body = ServiceHold.model_validate(await req.get_media(default_when_empty={}))
        act = _act(req, action, place, body)
        answer_target(resp, await self._act(act))

    async def _once(
        self, req: Request, resp: Response, action: Action, place: tuple[str, str, str]
    ) -> None:
        body = Restart.model_validate(await req.get_media(default_when_empty={}))
        answer_target(resp, await self._act(_act(req, action, place, body)))


def _act(req: Request, action: Action, place: tuple[str, str, str], body: Restart) -> ServiceAct:
    uuid, app_id, service_id = place
    return ServiceAct(
        uuid=check_uuid(uuid),
        app_id=app_id,
        service_id=service_id,
        action=action,
        by=name_of(req),
        reason=body.reason,
        expires_at=body.expires_at if isinstance(body, ServiceHold) else None,
    )
