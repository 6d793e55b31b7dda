#!/usr/bin/python
# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: device_info
short_description: What is known of a tenant's devices
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Lists devices of a tenant, with what they last reported when asked for.
options:
  uuids:
    description: The devices to list. All when omitted.
    type: list
    elements: str
  current_state:
    description: Whether each device's last report is returned with it.
    type: bool
    default: false
extends_documentation_fragment:
  - iotistic.platform.connection
  - iotistic.platform.connection.tenant
  - iotistic.platform.attributes.info
  - iotistic.platform.attributes.group
seealso:
  - module: iotistic.platform.device
"""

EXAMPLES = r"""
- name: Read what the devices of acme report
  iotistic.platform.device_info:
    tenant: acme
    current_state: true
  register: fleet
"""

RETURN = r"""
devices:
  description: The devices. One that is asked for and not there is left out.
  returned: success
  type: list
  elements: dict
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
    current_state:
      description:
        - Its last report under C(report), when that came, and whether the device is online.
        - Null when it never reported.
      returned: when O(current_state=true)
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
from ..module_utils.device import Devices

SPEC = ArgumentSpec(
    argument_spec={
        "uuids": {"type": "list", "elements": "str"},
        "current_state": {"type": "bool", "default": False},
    }
)


def main() -> None:
    """Run the module."""
    module = SPEC.merge(TENANT).module(supports_check_mode=True)
    try:
        api = Devices(tenant_from(module.params, "read", "read devices"))
        devices = api.views(module.params["uuids"])
        if module.params["current_state"]:
            devices = [
                {**device, "current_state": api.current_state(device["uuid"])} for device in devices
            ]
    except (ApiError, ContractError) as error:
        module.fail_json(msg=str(error), **facts(error))
    module.exit_json(changed=False, devices=devices)


if __name__ == "__main__":
    main()
