#!/usr/bin/python
# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: device_target_state
short_description: What devices are to run
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Writes the spec of the target state of one device, or of a list of devices in one request.
  - The list is written whole or not at all.
  - What people have overridden, a service that they stopped for example, is left alone. The
    difference shows it.
options:
  uuid:
    description: The device.
    type: str
  apps:
    description:
      - The apps by their id, with their services, as devices are to run them.
      - Ids are strings. Quote those that look like numbers.
    type: dict
  config:
    description: Settings of the device.
    type: dict
  targets:
    description: Many devices, each with its own target.
    type: list
    elements: dict
    suboptions:
      uuid:
        description: The device.
        type: str
        required: true
      apps:
        description: As O(apps).
        type: dict
        required: true
      config:
        description: As O(config).
        type: dict
  wait:
    description: Whether the task ends when each device reports its target as applied.
    type: bool
    default: false
  wait_timeout:
    description: Seconds that O(wait) may take.
    type: int
    default: 300
extends_documentation_fragment:
  - iotistic.platform.connection
  - iotistic.platform.connection.tenant
  - iotistic.platform.attributes
  - iotistic.platform.attributes.group
seealso:
  - module: iotistic.platform.device
"""

EXAMPLES = r"""
- name: The pump station runs its gateway
  iotistic.platform.device_target_state:
    tenant: acme
    uuid: 5f0c1f7e-8a54-4d0b-9d3c-0a6d2f1b7c11
    apps:
      "1001":
        appId: "1001"
        appName: pumps
        services:
          - serviceId: "1"
            serviceName: gateway
            imageName: 127.77.0.4:5000/gateway:1.0
            config:
              environment:
                INTERVAL: "10"
"""

RETURN = r"""
targets:
  description:
    - Each device after the task, in the order of the task. In check mode, before it.
  returned: success
  type: list
  elements: dict
  contains:
    uuid:
      description: The device.
      type: str
    version:
      description: Version of what the device is to get. A device that has it reports it as applied.
      type: int
    spec_revision:
      description: Revision of what was written.
      type: int
    etag:
      description: The ETag that the device gets.
      type: str
overrides:
  description: What people have overridden on these devices, one sentence each.
  returned: success
  type: list
  elements: str
status:
  description: The HTTP status that a failed request was answered with.
  returned: on failure
  type: int
problem:
  description: The problem document that a failed request was answered with.
  returned: on failure
  type: dict
"""

from ..module_utils._argspec import TENANT, ArgumentSpec
from ..module_utils._client import ApiError, facts
from ..module_utils._connection import tenant_from
from ..module_utils._contract.errors import ContractError
from ..module_utils._contract.planning.target_state import plan
from ..module_utils.device_target_state import (
    SCOPE,
    TargetStates,
    desired_from,
    hide_secrets,
)

SPEC = ArgumentSpec(
    argument_spec={
        "uuid": {"type": "str"},
        "apps": {"type": "dict", "no_log": True},
        "config": {"type": "dict"},
        "targets": {
            "type": "list",
            "elements": "dict",
            "no_log": True,
            "options": {
                "uuid": {"type": "str", "required": True},
                "apps": {"type": "dict", "required": True, "no_log": True},
                "config": {"type": "dict"},
            },
        },
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 300},
    },
    required_together=(("uuid", "apps"),),
    mutually_exclusive=(("uuid", "targets"),),
    required_one_of=(("uuid", "targets"),),
)


def main() -> None:
    """Run the module."""
    module = SPEC.merge(TENANT).module(supports_check_mode=True)
    hide_secrets(module)
    try:
        desired = desired_from(module.params)
        api = TargetStates(tenant_from(module.params, SCOPE, "write target states"))
        planned = plan(*api.read(desired))
        if not module.check_mode:
            planned.apply(api)
            if module.params["wait"]:
                api.await_applied(module.params["wait_timeout"])
    except (ApiError, ContractError) as error:
        module.fail_json(msg=str(error), **facts(error))
    for note in planned.notes if module._diff else ():  # noqa: SLF001 - Ansible's own modules do so
        module.warn(note)  # Ansible shows no difference where nothing changes
    targets = [api.facts[uuid] for uuid in desired]
    module.exit_json(targets=targets, overrides=list(planned.notes), **planned.result())


if __name__ == "__main__":
    main()
