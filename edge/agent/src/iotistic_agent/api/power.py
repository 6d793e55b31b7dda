"""Routes that restart or stop the agent, or the machine."""

from collections.abc import Sequence

from iotistic_agent.adapters.power import in_container, ordered
from iotistic_agent.api.bodies import Body, constant
from iotistic_agent.api.http import Answer, Problem, Request
from iotistic_agent.api.inside import Inside
from iotistic_agent.faults import NotPossible
from iotistic_agent.logs import Component, log
from iotistic_contract.problems import Code

__all__ = ["REBOOT", "RESTART", "SHUTDOWN", "reboot", "restart", "shutdown"]

REBOOT = Body({"confirm": constant("reboot", "that you mean it")})
SHUTDOWN = Body({"confirm": constant("shutdown", "that you mean it")})
RESTART = Body({})


async def reboot(inside: Inside, request: Request) -> Answer:
    """Restart the machine."""
    REBOOT.read(request.body)
    return await _power("reboot", inside.settings.reboot_command, ("systemctl", "reboot"))


async def shutdown(inside: Inside, request: Request) -> Answer:
    """Stop the machine."""
    SHUTDOWN.read(request.body)
    return await _power("shutdown", inside.settings.shutdown_command, ("systemctl", "poweroff"))


async def restart(inside: Inside, request: Request) -> Answer:
    """Let the agent begin anew, as the same process; containers run on."""
    RESTART.read(request.body)
    log(Component.LOCAL_API).info("restart_asked")
    return Answer({"restarting": True}, 202, after=inside.restart)


async def _power(what: str, told: Sequence[str] | None, usual: Sequence[str]) -> Answer:
    """Run the program of the setting; without one, the usual one, but never in a container."""
    if told is None and in_container():
        raise Problem(
            Code.CONFLICT,
            f"the agent runs in a container: {what.upper()}_COMMAND has to say how it is done",
        )
    log(Component.LOCAL_API).warning(f"{what}_asked")
    try:
        await ordered(told or usual)
    except NotPossible as exc:
        raise Problem(Code.CONFLICT, str(exc)) from None
    return Answer({"action": what}, 202)
