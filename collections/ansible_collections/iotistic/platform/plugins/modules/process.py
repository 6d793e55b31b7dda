#!/usr/bin/python
# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: process
short_description: Keep one process of a site running under the site's supervisor
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Describes a program to the supervisor of a site, starts it, and starts it again when its
    command, its environment or a configuration file that it reads has changed.
  - Starts the supervisor first when it does not answer. Each program runs under C(iotistic-guard),
    so that it ends with the supervisor.
options:
  name:
    description: The program's name, unique in the site.
    type: str
    required: true
  state:
    description: Whether the process is to run, or to be gone.
    type: str
    choices: [present, absent]
    default: present
  command:
    description: Program and arguments. Required when O(state=present).
    type: list
    elements: str
  environment:
    description: Environment variables. Secrets go by file, as the path in a variable C(..._FILE).
    type: dict
    default: {}
  user:
    description: The user that the process runs as, when it is not the one who runs the supervisor.
    type: str
  directory:
    description: Its working folder. The site's folder when omitted.
    type: path
  watch:
    description:
      - Configuration files whose content calls for a restart when it changes.
      - Of a folder, the code below it does.
    type: list
    elements: path
    default: []
  host:
    description: The address that it listens on.
    type: str
  port:
    description: The TCP port that it listens on. The task ends when the port answers.
    type: int
  socket:
    description: The unix socket that it listens on. The task ends when the socket answers.
    type: path
  stop_signal:
    description: The signal that it ends by, without losing anything. PostgreSQL wants V(INT).
    type: str
    choices: [TERM, INT, QUIT]
    default: TERM
  timeout:
    description: Seconds that it may take to answer.
    type: int
    default: 60
  site_id:
    description: The site's id.
    type: str
    required: true
  site_state:
    description: The site's folder.
    type: path
    required: true
  site_run:
    description: The site's folder of sockets.
    type: path
    required: true
  programs:
    description: The folder in which C(supervisord) and C(iotistic-guard) are.
    type: path
    required: true
attributes:
  check_mode:
    description: Predicts what a run would do, and changes nothing.
    support: full
  diff_mode:
    description:
      - Shows state and configuration hash, and the text of each file that changes.
      - Values of variables whose names call them a secret are hidden.
    support: full
requirements:
  - supervisor (the program)
"""

EXAMPLES = r"""
- name: A registry of images runs
  iotistic.platform.process:
    name: registry
    command: [docker-registry, serve, /srv/site/registry.yml]
    host: 127.77.0.4
    port: 5000
    watch: [/srv/site/registry.yml]
    site_id: 0a1b2c3d
    site_state: /srv/site
    site_run: /run/iotistic-0a1b2c3d
    programs: /opt/iotistic/bin
"""

RETURN = r"""
process:
  description: The process after the task.
  returned: always
  type: dict
  contains:
    name:
      description: Its name.
      type: str
    state:
      description: V(running) or V(stopped).
      type: str
    configuration:
      description: The hash of what it was started with.
      type: str
    files:
      description: The files that describe it.
      type: list
      elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import process as adapter
from ..module_utils._contract.planning.process import file_diffs, plan

OPTIONS = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "command": {"type": "list", "elements": "str"},
    "environment": {"type": "dict", "default": {}},
    "user": {"type": "str"},
    "directory": {"type": "path"},
    "watch": {"type": "list", "elements": "path", "default": []},
    "host": {"type": "str"},
    "port": {"type": "int"},
    "socket": {"type": "path"},
    "stop_signal": {"type": "str", "choices": ["TERM", "INT", "QUIT"], "default": "TERM"},
    "timeout": {"type": "int", "default": 60},
    "site_id": {"type": "str", "required": True},
    "site_state": {"type": "path", "required": True},
    "site_run": {"type": "path", "required": True},
    "programs": {"type": "path", "required": True},
}


def wanted_from(params):
    """Return the adapter's value for a task's options."""
    return adapter.Wanted(
        name=params["name"],
        command=tuple(params["command"] or ()),
        environment=params["environment"],
        user=params["user"],
        directory=params["directory"],
        watch=tuple(params["watch"]),
        present=params["state"] == "present",
        host=params["host"],
        port=params["port"],
        path=params["socket"],
        timeout=params["timeout"],
        stop_signal=params["stop_signal"],
    )


def site_from(params):
    """Return the site that a task's options name."""
    return adapter.Site(
        id=params["site_id"],
        state=Path(params["site_state"]),
        run=Path(params["site_run"]),
        guard=f"{params['programs']}/iotistic-guard",
        supervisord=f"{params['programs']}/supervisord",
    )


def main():
    """Run the module."""
    module = AnsibleModule(
        OPTIONS,
        supports_check_mode=True,
        required_if=[("state", "present", ("command",))],
        required_together=[("host", "port")],
    )
    wanted = wanted_from(module.params)
    site = site_from(module.params)
    supervisor = adapter.Supervisor(site)
    try:
        process = wanted.process(site)
        if module.check_mode:
            actual = supervisor.read(process)
            planned = plan(actual, process)
        else:
            with supervisor.alone():
                actual = supervisor.read(process)
                planned = plan(actual, process)
                if planned.changed and wanted.present:
                    adapter.await_free(wanted, supervisor)
                planned.apply(supervisor)
            if wanted.present:
                adapter.await_ready(wanted, supervisor)
    except (adapter.ProcessError, OSError) as error:
        module.fail_json(msg=str(error))
    diff = [planned.diff, *file_diffs(actual, process)]
    module.exit_json(process=planned.after, changed=planned.changed, diff=diff)


if __name__ == "__main__":
    main()
