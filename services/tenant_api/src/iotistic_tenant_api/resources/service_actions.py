"""What people do with one service of a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iotistic_contract.ids import check_uuid
from iotistic_kit.operation import operation
from iotistic_tenant_api.fleet_schemas import Restart, ServiceHold
from iotistic_tenant_api.resources.access import OVERRIDE
from iotistic_tenant_api.resources.callers import name_of
from iotistic_tenant_api.resources.target_states import answer_target
from iotistic_tenant_api.schemas import TargetView
from iotistic_tenant_api.usecases.act_on_services import Action, ServiceAct

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from falcon.asgi import Request, Response

    from iotistic_tenant_api.usecases.act_on_services import ActOnService

    Responder = Callable[..., Awaitable[None]]

__all__ = ["ServiceActions"]


def _responder(action: Action, summary: str, body: type[Restart]) -> Responder:
    """Return what answers a POST of ``body`` with the target state after ``action``."""

    @operation(
        summary, access=OVERRIDE, request=body, response=TargetView, problems=(402, 404, 409)
    )
    async def respond(
        actions: ServiceActions, req: Request, resp: Response, uuid: str, **service: str
    ) -> None:
        told = body.model_validate(await req.get_media(default_when_empty={}))
        wish: dict[str, Any] = service | told.model_dump()
        act = ServiceAct(uuid=check_uuid(uuid), action=action, by=name_of(req), **wish)
        answer_target(resp, await actions.act(act))

    return respond


class ServiceActions:
    """Hold a service until `expiresAt` or until it is given back, restart it, give it back.

    A restart of a service that isn't to run is 409; giving back what isn't held changes nothing.
    """

    def __init__(self, act: ActOnService) -> None:
        self.act = act

    on_post_start = _responder(
        Action.START, "Have a service run, whatever the spec says", ServiceHold
    )
    on_post_stop = _responder(
        Action.STOP, "Have a service stopped, whatever the spec says", ServiceHold
    )
    on_post_pause = _responder(
        Action.PAUSE, "Have a service paused, whatever the spec says", ServiceHold
    )
    on_post_restart = _responder(Action.RESTART, "Have a service's container made anew", Restart)
    on_post_give_back = _responder(Action.GIVE_BACK, "Give a service back to the spec", Restart)
