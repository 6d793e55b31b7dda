#!/usr/bin/python
# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: license_keypair
short_description: The keys with which billing signs
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Makes the keys that sign licenses and service tokens, and rotates them by age.
  - A key that was current stays listed until no unexpired license names it.
options:
  path:
    description: The folder of the keys, billing's C(LICENSE_KEYS_DIR). Its mode is 0700.
    type: path
    required: true
  kinds:
    description: Which keys are to be there, those of licenses and those of service tokens.
    type: list
    elements: str
    choices: [license, service]
    default: [license, service]
  rotate_after_days:
    description: The age at which the next key becomes the current one. Never when omitted.
    type: int
requirements:
  - cryptography >= 46
extends_documentation_fragment:
  - iotistic.platform.attributes
"""

EXAMPLES = r"""
- name: Billing has keys to sign with
  iotistic.platform.license_keypair:
    path: /srv/site/billing/license-keys
"""

RETURN = r"""
keys:
  description: The current keys, by kind. In check mode, those that are there already.
  returned: success
  type: dict
  sample:
    license:
      kid: Zl7mI0mO8vZl5yGkXw3T0wq8yM2cXo4rU5bq1vJt8dY
      next_kid: x3X2W1b9Cw0l6vH2m1Q4n5o7p8R9s0T1u2V3w4X5y6Z
      public_key: "-----BEGIN PUBLIC KEY-----..."
"""

from pathlib import Path

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._contract.errors import ContractError
from ..module_utils._contract.planning.keypair import plan
from ..module_utils._pki.errors import PkiFault
from ..module_utils._requirements import require_cryptography
from ..module_utils.license_keypair import Keys, desired_from

SPEC = ArgumentSpec(
    argument_spec={
        "path": {"type": "path", "required": True},
        "kinds": {
            "type": "list",
            "elements": "str",
            "choices": ["license", "service"],
            "default": ["license", "service"],
        },
        "rotate_after_days": {"type": "int"},
    }
)


def main() -> None:
    """Run the module."""
    module = SPEC.module(supports_check_mode=True)
    require_cryptography(module)
    try:
        desired = desired_from(module.params)
        api = Keys(Path(module.params["path"]))
        planned = plan(api.read(), desired)
        if not module.check_mode:
            planned.apply(api)
        keys = api.facts()
    except (ContractError, PkiFault, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(keys=keys, **planned.result())


if __name__ == "__main__":
    main()
