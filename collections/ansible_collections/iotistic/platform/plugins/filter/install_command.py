# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one line by which a person installs the agent."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.iotistic.platform.plugins.module_utils._contract.agent_release import (
    install_command,
)
from ansible_collections.iotistic.platform.plugins.module_utils._contract.errors import (
    ContractError,
)
from ansible_collections.iotistic.platform.plugins.module_utils._contract.times import parse_time

DOCUMENTATION = r"""
name: install_command
short_description: The one line that installs the agent on a device
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Returns the command that fetches the install script of a tenant, verifies its signature and
    runs it.
positional: release
options:
  _input:
    description: The tenant API's URL.
    type: str
    required: true
  release:
    description: What the module M(iotistic.platform.agent_release) returned as C(release).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: What to paste on a device
  ansible.builtin.debug:
    msg: "{{ 'https://127.77.0.16:3002' | iotistic.platform.install_command(made.release) }}"
"""

RETURN = r"""
_value:
  description: The command; empty while nothing has been released, as in check mode.
  type: str
"""


def command(url: str, release: dict[str, Any]) -> str:
    """Return the command for the tenant at ``url``."""
    if not release["released"]:
        return ""
    try:
        return install_command(url, release["public_key"], parse_time(release["released"]))
    except ContractError as error:
        raise AnsibleFilterError(f"install_command: {error}") from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"install_command": command}
