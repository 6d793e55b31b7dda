#!/usr/bin/python
# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: inventory_check
short_description: Refuse a bad inventory of tenants and devices before anything changes
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Reads the variables of all hosts in the groups C(tenants) and C(devices) and fails with a line
    for each wrong value, which names host, file, line and field.
  - Looks at names and plans of tenants, uuids, addresses, tenants and target states of devices.
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: Changes nothing in any mode.
    support: full
  diff_mode:
    description: Has nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Plans, ids, ports and target states are valid
  iotistic.platform.inventory_check:
"""

RETURN = r"""
tenants:
  description: How many tenants were looked at.
  returned: success
  type: int
devices:
  description: How many devices were looked at.
  returned: success
  type: int
"""
