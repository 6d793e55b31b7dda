#!/usr/bin/python
# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fence
short_description: A tenant's fencing number, which only rises
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Compares a job's fencing number with the one that the tenant holds, and sets it, in one step.
  - Fails when a higher one is there. Then another worker has taken the tenant over, and nothing
    more may be done with the lower number.
options:
  path:
    description: The file that holds the number. Beside it lies a lock file.
    type: path
    required: true
  number:
    description: The number of the job that is about to change the tenant.
    type: int
    required: true
extends_documentation_fragment:
  - iotistic.platform.attributes
"""

EXAMPLES = r"""
- name: This job holds the tenant
  iotistic.platform.fence:
    path: /srv/site/tenants/dc5fec42/fence
    number: 17
"""

RETURN = r"""
number:
  description: The number that holds the tenant.
  returned: success
  type: int
"""

from contextlib import nullcontext
from pathlib import Path

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._contract.errors import ContractError
from ..module_utils._contract.planning.fence import plan
from ..module_utils.fence import Fence

SPEC = ArgumentSpec(
    argument_spec={
        "path": {"type": "path", "required": True},
        "number": {"type": "int", "required": True},
    }
)


def main() -> None:
    """Run the module."""
    module = SPEC.module(supports_check_mode=True)
    fence = Fence(Path(module.params["path"]))
    try:
        with nullcontext() if module.check_mode else fence.held():
            planned = plan(fence.read(), module.params["number"])
            if not module.check_mode:
                planned.apply(fence)
    except (ContractError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**planned.after, **planned.result())


if __name__ == "__main__":
    main()
