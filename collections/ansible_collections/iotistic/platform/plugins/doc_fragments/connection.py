# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options by which modules reach billing and tenants."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of ``_argspec.BILLING`` and ``_argspec.TENANT``."""

    DOCUMENTATION = r"""
options:
  billing_url:
    description:
      - Address of billing, with C(https).
      - When omitted, the environment variable E(IOTISTIC_BILLING_URL) is used.
    type: str
  billing_token:
    description: Billing's admin token.
    type: str
  billing_token_file:
    description:
      - File that holds billing's admin token.
      - When omitted, the environment variable E(IOTISTIC_BILLING_TOKEN_FILE) is used.
    type: path
  ca_file:
    description:
      - Certificates that servers are verified against, in PEM. The system's when omitted.
      - When omitted, the environment variable E(IOTISTIC_CA_FILE) is used.
    type: path
  request_timeout:
    description: Seconds that one request may take.
    type: int
    default: 30
"""

    TENANT = r"""
options:
  tenant:
    description: The tenant, by the external id or the id of its customer.
    type: str
  tenant_url:
    description: Address of the tenant's API. Billing is asked for it when omitted.
    type: str
  tenant_token:
    description: A service token of the tenant. Billing makes one for the task when omitted.
    type: str
  tenant_token_file:
    description: File that holds a service token of the tenant.
    type: path
"""
