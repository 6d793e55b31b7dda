#!/usr/bin/python
# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: provisioning_key
short_description: A key with which devices register
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Makes a provisioning key and writes the one string that a device needs to a file.
  - The tenant shows a key once. When the file is gone, or the key is to differ, the key is revoked
    and a new one is made. Devices that have registered keep what they got.
options:
  name:
    description: The key's name, unique in the tenant.
    type: str
    required: true
  dest:
    description: The file that holds the string. Its mode is 0600.
    type: path
    required: true
  max_devices:
    description: How many devices may register with it.
    type: int
    default: 1
  expires_at:
    description: When it ends, as C(2026-01-15T10:30:00Z). Never when omitted.
    type: str
  fleet:
    description: The fleet that its devices join.
    type: str
  device_uuid:
    description: The one device that may use it.
    type: str
  state:
    description: Whether the key is to be there. V(absent) revokes it and removes the file.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - iotistic.platform.connection
  - iotistic.platform.connection.tenant
  - iotistic.platform.attributes
  - iotistic.platform.attributes.group
"""

EXAMPLES = r"""
- name: The pump station has a key of its own
  iotistic.platform.provisioning_key:
    tenant: acme
    name: pump-station-1
    device_uuid: 5f0c1f7e-8a54-4d0b-9d3c-0a6d2f1b7c11
    dest: /srv/site/secrets/pump-station-1.key
"""

RETURN = r"""
key:
  description: The key after the task, without its secret.
  returned: success
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
from ..module_utils._contract.planning.provisioning_key import plan
from ..module_utils.provisioning_key import SCOPE, ProvisioningKeys, desired_from

SPEC = ArgumentSpec(
    argument_spec={
        "name": {"type": "str", "required": True},
        "dest": {"type": "path", "required": True},
        "max_devices": {"type": "int", "default": 1},
        "expires_at": {"type": "str"},
        "fleet": {"type": "str"},
        "device_uuid": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
)


def main() -> None:
    """Run the module."""
    module = SPEC.merge(TENANT).module(supports_check_mode=True)
    try:
        desired = desired_from(module.params)
        api = ProvisioningKeys(tenant_from(module.params, SCOPE, "make a provisioning key"))
        planned = plan(api.read(desired), desired)
        if not module.check_mode:
            planned.apply(api)
    except (ApiError, ContractError) as error:
        module.fail_json(msg=str(error), **facts(error))
    module.exit_json(key=planned.after, **planned.result())


if __name__ == "__main__":
    main()
