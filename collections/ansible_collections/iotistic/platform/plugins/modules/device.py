#!/usr/bin/python
# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: device
short_description: A device of a tenant
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Describes a device to its tenant, before or after the device registers itself.
options:
  uuid:
    description: The device's id, a random uuid (version 4) in lower case.
    type: str
    required: true
  name:
    description: Its name. Required when O(state=present).
    type: str
  device_type:
    description: What kind of machine it is, C(pi4) for example. It can only be told once.
    type: str
  fleet:
    description: The fleet that it joins.
    type: str
  tags:
    description: All its tags, names and values. Left as they are when omitted.
    type: dict
  reregister_until:
    description:
      - Until when the device may register again with a new key, at most 24 hours ahead, as
        C(2026-01-15T10:30:00Z). The first registration closes it.
    type: str
  state:
    description: Whether the device is to be known. V(absent) deletes it and what it reported.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - iotistic.platform.connection
  - iotistic.platform.connection.tenant
  - iotistic.platform.attributes
  - iotistic.platform.attributes.group
seealso:
  - module: iotistic.platform.device_info
  - module: iotistic.platform.device_target_state
"""

EXAMPLES = r"""
- name: The pump station is known to acme
  iotistic.platform.device:
    tenant: acme
    uuid: 5f0c1f7e-8a54-4d0b-9d3c-0a6d2f1b7c11
    name: pump-station-1
    tags:
      site: north
"""

RETURN = r"""
device:
  description: The device as the tenant has it after the task. In check mode, before it.
  returned: when the tenant has it
  type: dict
  contains:
    uuid:
      description: Its id.
      type: str
    name:
      description: Its name.
      type: str
    tags:
      description: Its tags.
      type: dict
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
from ..module_utils._contract.planning.device import plan
from ..module_utils.device import SCOPE, Devices, desired_from

SPEC = ArgumentSpec(
    argument_spec={
        "uuid": {"type": "str", "required": True},
        "name": {"type": "str"},
        "device_type": {"type": "str"},
        "fleet": {"type": "str"},
        "tags": {"type": "dict"},
        "reregister_until": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    },
    required_if=(("state", "present", ("name",)),),
)


def main() -> None:
    """Run the module."""
    module = SPEC.merge(TENANT).module(supports_check_mode=True)
    try:
        desired = desired_from(module.params)
        api = Devices(tenant_from(module.params, SCOPE, "describe a device"))
        planned = plan(api.read(desired.uuid), desired)
        if not module.check_mode:
            planned.apply(api)
        view = api.view(desired.uuid)
    except (ApiError, ContractError) as error:
        module.fail_json(msg=str(error), **facts(error))
    module.exit_json(**({"device": view} if view else {}), **planned.result())


if __name__ == "__main__":
    main()
