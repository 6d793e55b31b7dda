# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Libraries that a module needs beside Ansible's."""

from __future__ import annotations

import importlib
import traceback
from typing import TYPE_CHECKING

from ansible.module_utils.basic import missing_required_lib

MISSING = ""
try:
    importlib.import_module("cryptography.x509")
except ImportError:
    MISSING = traceback.format_exc()

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

__all__ = ["require_cryptography"]


def require_cryptography(module: AnsibleModule) -> None:
    """End the module with a message where the library cryptography isn't installed."""
    if MISSING:
        module.fail_json(msg=missing_required_lib("cryptography >= 46"), exception=MISSING)
