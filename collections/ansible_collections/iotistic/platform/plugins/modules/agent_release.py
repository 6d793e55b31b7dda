#!/usr/bin/python
# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: agent_release
short_description: The signed release that devices install the agent from
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Makes the release key once, and writes a folder with the install script, its signature, the
    bundles of wheels and a manifest, which a tenant's API serves.
  - A release that is whole, signed by the key and made of the same is left as it is.
options:
  path:
    description: The folder of the release.
    type: path
    required: true
  key_file:
    description: The release key (Ed25519, PKCS#8 in PEM), made with mode 0600 when it is missing.
    type: path
    required: true
  bundles:
    description: The folder of bundles as C(tools/release.py bundles) builds it.
    type: path
    required: true
  installer:
    description: The folder of the install script's parts.
    type: path
    required: true
  replace_key:
    description:
      - Whether a release that another key has signed is signed anew. Otherwise it is refused, as
        commands that were given out have that key.
    type: bool
    default: false
requirements:
  - cryptography >= 46
extends_documentation_fragment:
  - iotistic.platform.attributes
"""

EXAMPLES = r"""
- name: Devices can install the agent
  iotistic.platform.agent_release:
    path: /srv/site/release
    key_file: /srv/site/secrets/release-key.pem
    bundles: /srv/iotistic/build/bundles
    installer: /srv/iotistic/edge/agent/packaging
"""

RETURN = r"""
release:
  description: What was released. In check mode, key and time are those that are there already.
  returned: success
  type: dict
  sample:
    version: 0.1.0+3fa9c1d2
    released: "2026-11-27T18:30:00.000Z"
    architectures: [aarch64, x86_64]
    fingerprint: 5f0c1f7e8a544d0b9d3c0a6d2f1b7c115f0c1f7e8a544d0b9d3c0a6d2f1b7c11
    public_key: "-----BEGIN PUBLIC KEY-----..."
"""

from datetime import UTC, datetime

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._contract.errors import ContractFault
from ..module_utils._contract.planning.agent_release import plan
from ..module_utils._pki.errors import PkiFault
from ..module_utils._requirements import require_cryptography
from ..module_utils.agent_release import facts, folder_from

SPEC = ArgumentSpec(
    argument_spec={
        "path": {"type": "path", "required": True},
        "key_file": {"type": "path", "required": True, "no_log": False},
        "bundles": {"type": "path", "required": True},
        "installer": {"type": "path", "required": True},
        "replace_key": {"type": "bool", "default": False, "no_log": False},
    }
)


def main() -> None:
    """Run the module."""
    module = SPEC.module(supports_check_mode=True)
    require_cryptography(module)
    try:
        folder = folder_from(module.params)
        planned = plan(
            folder.read(datetime.now(UTC)),
            folder.wanted(),
            replace_key=module.params["replace_key"],
        )
        if not module.check_mode:
            planned.apply(folder)
        release = facts(folder, planned)
    except (ContractFault, PkiFault, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(release=release, **planned.result())


if __name__ == "__main__":
    main()
