"""``iotistic-agent``: runs until it is told to stop."""

import asyncio
import os
import sys

from iotistic_agent.adapters.program import Program
from iotistic_agent.faults import Restart, SettingsRefused, StoreFault
from iotistic_agent.launching import launch, restart
from iotistic_agent.logs import Component, configure, log, set_level
from iotistic_agent.runtime import run
from iotistic_agent.settings import from_environment

__all__ = ["main"]


def main() -> int:
    """Run the agent; 0 after SIGTERM, 2 when it can't start as told, 1 when a loop ended."""
    recent = configure("info")
    try:
        settings = from_environment()
        set_level(settings.log_level)
        program = Program.here()
        if launch(program, settings) and asyncio.run(run(settings, recent)):
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 -- itself
    except (SettingsRefused, StoreFault) as exc:
        log(Component.AGENT).error("not_started", extra={"reason": str(exc)})
        return 2
    except ExceptionGroup as group:
        if program is not None and group.subgroup(Restart) is not None:
            restart(program)
        log(Component.AGENT).error("ended", extra={"reason": str(group.exceptions[0])})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
