#!/usr/bin/python
# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site
short_description: Remove a whole site from a machine
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Removes the processes of a site, which bear its id in the environment variable
    E(IOTISTIC_SITE), its containers, networks and volumes, which bear the label C(iotistic.site),
    and its folders with the sockets in them. An engine of its own keeps its data in C(docker) below
    O(path).
  - Nothing else is touched. A folder that is not this site, by the id in its C(site.json), is
    refused.
options:
  id:
    description: The site's id.
    type: str
    required: true
  path:
    description: The site's folder.
    type: path
    required: true
  run:
    description:
      - The site's folder of sockets, with a name that ends in its id.
      - What the site wrote down when it was made comes first.
    type: path
    required: true
  engines:
    description:
      - Sockets of the container engines that may hold something of the site.
      - When omitted, the machine's, and C(docker.sock) in O(run).
    type: list
    elements: path
  state:
    description: What the site is to be.
    type: str
    choices: [absent]
    default: absent
extends_documentation_fragment:
  - iotistic.platform.attributes
"""

EXAMPLES = r"""
- name: Nothing of the site is left
  iotistic.platform.site:
    id: 0a1b2c3d
    path: /srv/site
    run: /run/iotistic-0a1b2c3d
    state: absent
"""

RETURN = r"""
removed:
  description: What was removed, or would be in check mode. Empty when there was nothing.
  returned: success
  type: dict
  contains:
    processes:
      description: Id and program of each process.
      type: list
      elements: str
    containers:
      description: Names of containers.
      type: list
      elements: str
    networks:
      description: Names of networks.
      type: list
      elements: str
    volumes:
      description: Names of volumes.
      type: list
      elements: str
    bridges:
      description: Network bridges that a killed engine left behind.
      type: list
      elements: str
    mounts:
      description: Mount points below the folders.
      type: list
      elements: str
    paths:
      description: Folders.
      type: list
      elements: str
"""

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._contract.errors import ContractError
from ..module_utils._contract.planning.site import plan
from ..module_utils._engine import EngineError
from ..module_utils.site import Site, place_from

SPEC = ArgumentSpec(
    argument_spec={
        "id": {"type": "str", "required": True},
        "path": {"type": "path", "required": True},
        "run": {"type": "path", "required": True},
        "engines": {"type": "list", "elements": "path"},
        "state": {"type": "str", "choices": ["absent"], "default": "absent"},
    }
)


def main() -> None:
    """Run the module."""
    module = SPEC.module(supports_check_mode=True)
    try:
        api = Site(place_from(module.params))
        planned = plan(api.read())
        if not module.check_mode:
            planned.apply(api)
    except (ContractError, EngineError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(removed=planned.before, **planned.result())


if __name__ == "__main__":
    main()
