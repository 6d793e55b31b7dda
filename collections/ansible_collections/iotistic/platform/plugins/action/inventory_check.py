# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse a bad inventory before anything changes, naming host, file and field."""

from __future__ import annotations

from ansible.plugins.action import ActionBase

from ..plugin_utils.inventory_check import findings
from ..plugin_utils.origin import origin_at

TENANT = ("company_name", "plan")
DEVICE = ("tenant", "device_uuid", "device_address", "target_state")


class ActionModule(ActionBase):
    """Read the variables of all tenants and devices, and fail with a list of what is wrong."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Return ``failed`` with one line a finding, or how many hosts were looked at."""
        self.validate_argument_spec({})
        result = super().run(tmp, task_vars)
        tenants = self._variables(task_vars, "tenants", TENANT)
        devices = self._variables(task_vars, "devices", DEVICE)
        net = self._templar.template(task_vars["site_net"])
        found = [self._line(task_vars, finding) for finding in findings(tenants, devices, net)]
        if found:
            message = "The inventory is refused, nothing was changed:\n" + "\n".join(found)
            return {**result, "failed": True, "msg": message}
        return {**result, "changed": False, "tenants": len(tenants), "devices": len(devices)}

    @staticmethod
    def _variables(task_vars, group, names):
        hostvars = task_vars["hostvars"]
        return {
            host: {name: hostvars[host][name] for name in names if name in hostvars[host]}
            for host in task_vars["groups"].get(group, [])
        }

    @staticmethod
    def _line(task_vars, finding):
        place = ""
        if finding.host in task_vars["hostvars"]:
            raw = task_vars["hostvars"].raw_get(finding.host)
            place = origin_at(raw.get(finding.variable), finding.pointer)
        where = f" ({place})" if place else ""
        return f"- {finding.host}{where}: {finding.variable}{finding.pointer}: {finding.detail}"
