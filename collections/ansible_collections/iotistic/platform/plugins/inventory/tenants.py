# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory of tenants, from billing."""

from __future__ import annotations

DOCUMENTATION = r"""
name: tenants
short_description: All tenants, as billing knows them
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Each tenant is a host of the group C(tenants), named by its short id.
  - Its variables are C(customer_id), C(short_id), C(external_id), C(company_name), C(plan),
    C(address), C(public_url), C(base_domain), C(ca_pin), C(wanted_hash), C(applied_hash),
    C(tenant_status), and C(tenant_state), which is what the tenant is to be.
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [iotistic.platform.tenants]
  billing_url:
    description: Address of billing, with C(https).
    type: str
    required: true
    env:
      - name: IOTISTIC_BILLING_URL
  billing_token:
    description: Billing's admin token. Rather give O(billing_token_file).
    type: str
  billing_token_file:
    description: File that holds billing's admin token.
    type: path
    env:
      - name: IOTISTIC_BILLING_TOKEN_FILE
  ca_file:
    description: Certificates that billing is verified against, in PEM. The system's when omitted.
    type: path
    env:
      - name: IOTISTIC_CA_FILE
  request_timeout:
    description: Seconds that one request may take.
    type: int
    default: 30
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
"""

EXAMPLES = r"""
# tenants.yml, with the addresses in the environment
plugin: iotistic.platform.tenants
keyed_groups:
  - key: plan
    prefix: plan
"""

from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var

from ..module_utils._client import ApiError
from ..module_utils._connection import billing_from

GROUP = "tenants"
CONNECTION = ("billing_url", "billing_token", "billing_token_file", "ca_file", "request_timeout")
RENAMED = {"status": "tenant_status", "state": "tenant_state"}


@dataclass(frozen=True)
class Host:
    """A tenant as a host: its name and its variables."""

    name: str
    variables: dict[str, Any]


def hosts_from(tenants: list[dict[str, Any]]) -> list[Host]:
    """Return a host for each tenant, by name.

    Variables are marked as not to be templated: customers choose some of these words.
    """
    return [
        Host(
            name=tenant["short_id"],
            variables={
                RENAMED.get(name, name): wrap_var(value) for name, value in sorted(tenant.items())
            },
        )
        for tenant in sorted(tenants, key=lambda tenant: tenant["short_id"])
    ]


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Reads billing's list of tenants."""

    NAME = "iotistic.platform.tenants"

    def verify_file(self, path: str) -> bool:
        """Take files that are named for this plugin."""
        named = path.endswith(("tenants.yml", "tenants.yaml"))
        return bool(super().verify_file(path) and named)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:  # noqa: FBT001, FBT002
        """Add the tenants to the inventory."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        inventory.add_group(GROUP)
        for host in hosts_from(self._tenants(path, cache=cache)):
            self._add(host)

    def _tenants(self, path: str, *, cache: bool) -> list[dict[str, Any]]:
        """Return billing's list, from the cache when that is asked for and holds one."""
        key = self.get_cache_key(path)
        cached = self.get_option("cache")
        if cached and cache and key in self._cache:
            return self._cache[key]
        try:
            billing = billing_from({name: self.get_option(name) for name in CONNECTION})
            tenants = billing.items("/api/admin/tenants")
        except ApiError as error:
            raise AnsibleParserError(str(error)) from error
        if cached:
            self._cache[key] = tenants
        return tenants

    def _add(self, host: Host) -> None:
        self.inventory.add_host(host.name, group=GROUP)
        for name, value in host.variables.items():
            self.inventory.set_variable(host.name, name, value)
        strict = self.get_option("strict")
        variables = host.variables
        self._set_composite_vars(self.get_option("compose"), variables, host.name, strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host.name, strict)
        self._add_host_to_keyed_groups(
            self.get_option("keyed_groups"), variables, host.name, strict
        )
