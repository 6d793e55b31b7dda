"""`./run demo`: makes the demo site so, shows how it is, breaks it, removes it."""

from __future__ import annotations

import os
import sys
import xmlrpc.client
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .api import ApiError
from .browser import open_page
from .engine import EngineError
from .faults.command import break_one
from .guard import guarded, is_guarded, tidy
from .lifecycle import start, stop
from .logs import logs
from .parts import UnknownNameError
from .playbook import destroy, up
from .site import NoSiteError, Site, site_from
from .status import status
from .supervisor import SilentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["ACTIONS", "UsageError", "action_from", "main"]

NO_SITE = 3
USAGE = """\
usage: ./run demo [COMMAND] [ARGUMENT ...]

  up [ARGUMENT ...]       make the site so (what ./run demo alone does)
  status [--json]         what runs, where, and how it is; 0 when all is well, 3 without a site
  logs [NAME ...] [-f]    what programs say; NAME is a program, a device or a tenant
  open [NAME] [-- ...]    a browser at a tenant's dashboard, or at billing's page for sign-up
  break [FAULT] [NAME]    a fault, and how it is repaired; break list names them
  stop, start             end the site's processes, which keep all they have, and start them again
  destroy [ARGUMENT ...]  remove the site whole

Further arguments of up and destroy go to ansible-playbook, such as --check --diff."""


@dataclass(frozen=True)
class Action:
    """What a command does, and whether it holds the site's lock meanwhile."""

    do: Callable[[Site, Sequence[str]], int]
    alone: bool = False


ACTIONS = {
    "up": Action(up, alone=True),
    "destroy": Action(destroy, alone=True),
    "start": Action(start, alone=True),
    "stop": Action(stop, alone=True),
    "status": Action(status),
    "logs": Action(logs),
    "open": Action(open_page),
    "break": Action(break_one),
}


class UsageError(Exception):
    """The arguments name no command; ``str()`` says what there is."""


def action_from(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Return the command, which only the first argument can name, and what goes to it."""
    first = arguments[0] if arguments else ""
    if first in ACTIONS:
        return first, list(arguments[1:])
    if first and not first.startswith("-"):
        raise UsageError(f"demo: there is no command {first}\n{USAGE}")
    return "up", list(arguments)


def main(arguments: Sequence[str]) -> int:
    """Read the command, take the lock where it needs it, do it; return the exit code."""
    if list(arguments[:1]) in (["-h"], ["--help"]):
        print(USAGE)
        return 0
    try:
        name, passed = action_from(arguments)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    site = site_from(os.environ)
    if not ACTIONS[name].alone:
        return _told(ACTIONS[name], site, passed)
    if not is_guarded(site):
        return guarded(site, arguments)
    try:
        return _told(ACTIONS[name], site, passed)
    finally:
        tidy(site)


def _told(action: Action, site: Site, arguments: Sequence[str]) -> int:
    """Do it; what goes wrong as it may is one line."""
    try:
        return action.do(site, arguments)
    except NoSiteError as error:
        code, told = NO_SITE, str(error)
    except UnknownNameError as error:
        code, told = 2, str(error)
    except (ApiError, EngineError, SilentError, xmlrpc.client.Fault) as error:
        code, told = 1, str(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # as in ./run demo logs | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    print(f"demo: {told}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
