"""Starts of the agent: the current release tries the new one, keeps it, or goes on itself."""

import os

from iotistic_agent.adapters.program import Program
from iotistic_agent.logs import Component, log
from iotistic_agent.settings import Settings
from iotistic_agent.trying import Stopped, tried
from iotistic_contract.planning.agent_update import (
    Drop,
    GiveUp,
    Link,
    Point,
    Trial,
    Try,
    at_start,
    keeping,
)

__all__ = ["launch", "restart"]


def launch(program: Program | None, settings: Settings) -> bool:
    """Try the new release, as long as there is one; then tell whether to be the agent.

    False when somebody ended the agent meanwhile. A new release that is kept takes this process's
    place. A release that isn't the current one never tries another.
    """
    if program is None or program.running != program.read().current:
        return True
    why = "it was cut off in the middle of it"
    while True:
        step = at_start(program.read(), why)
        match step:
            case Try(trial=trial):
                log(Component.ORDERS).info(
                    "trial_begins", extra={"version": trial.version, "start": trial.starts}
                )
                program.note(trial)
                try:
                    failure = tried(program, trial.version, settings)
                except Stopped:
                    program.note(_one_less(trial))
                    return False
                if failure is None:
                    _keep(program)
                    restart(program)
                    return False
                why = failure
                log(Component.ORDERS).error(
                    "trial_failed", extra={"version": trial.version, "reason": failure}
                )
            case GiveUp(trial=trial):
                program.note(trial)
            case Drop():
                program.drop()
            case _:
                return True


def restart(program: Program) -> None:
    """Let the current release take this process's place."""
    path = str(program.executable(Link.CURRENT))
    os.execv(path, [path])  # noqa: S606 -- a fixed program, no shell


def _keep(program: Program) -> None:
    with program.alone(wait=True):
        while (step := keeping(program.read())) is not None:
            if isinstance(step, Point):
                program.point(step.link, step.version)
            else:
                program.drop()


def _one_less(trial: Trial) -> Trial:
    """Return the note as it was before this start: who ends the agent ends no trial."""
    return Trial(order=trial.order, version=trial.version, starts=trial.starts - 1)
