#!/usr/bin/python
# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: customer
short_description: A customer in billing, and its tenant deployed and healthy
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Creates or updates a customer, by its external id.
  - Queues a deployment in billing when something changed, when what is deployed is not what is
    wanted, or when the tenant is not healthy, and waits for it.
  - A tenant that is as wanted and healthy costs two requests, and nothing is queued.
options:
  external_id:
    description: The customer's name in the inventory. It can not be changed.
    type: str
    required: true
  company_name:
    description: Name of the company.
    type: str
    required: true
  plan:
    description:
      - The plan.
      - Once the customer pays through Stripe, Stripe decides the plan. A task that asks for another
        one then leaves it alone and says so in RV(plan_conflict).
    type: str
    required: true
  email:
    description: Address of the customer's owner. Left as it is when omitted.
    type: str
  full_name:
    description: Name of the customer's owner. Left as it is when omitted.
    type: str
  state:
    description:
      - V(present) is a customer whose tenant runs.
      - V(suspended) is one whose tenant is stopped and keeps what it has.
    type: str
    choices: [present, suspended]
    default: present
  wait_timeout:
    description: Seconds that the deployment may take.
    type: int
    default: 900
extends_documentation_fragment:
  - iotistic.platform.connection
  - iotistic.platform.attributes
  - iotistic.platform.attributes.group
"""

EXAMPLES = r"""
- name: The customer acme has a tenant on plan professional
  iotistic.platform.customer:
    external_id: acme
    company_name: Acme Pumps
    plan: professional
    billing_url: https://127.77.0.3:3100
    billing_token_file: /srv/site/secrets/billing-admin-token
    ca_file: /srv/site/pki/root/ca.pem
"""

RETURN = r"""
customer:
  description: The customer as billing has it after the task. In check mode, before it.
  returned: when billing has it
  type: dict
  contains:
    id:
      description: Its id.
      type: str
    external_id:
      description: Its name in the inventory.
      type: str
    instance_url:
      description: Address of its tenant's API.
      type: str
    plan:
      description: Its plan.
      type: str
    status:
      description: Its status.
      type: str
    deployment:
      description: The deployment of its tenant.
      type: dict
plan_conflict:
  description: Why the plan was left alone.
  returned: when Stripe holds another plan than the task asks for
  type: str
status:
  description: The HTTP status that a failed request was answered with.
  returned: on failure
  type: int
problem:
  description: The problem document that a failed request was answered with.
  returned: on failure
  type: dict
"""

from ..module_utils._argspec import BILLING, ArgumentSpec
from ..module_utils._client import ApiError, facts
from ..module_utils._contract.errors import ContractError
from ..module_utils._contract.planning.customer import plan, plan_conflict
from ..module_utils.customer import Customers, desired_from

SPEC = ArgumentSpec(
    argument_spec={
        "external_id": {"type": "str", "required": True},
        "company_name": {"type": "str", "required": True},
        "plan": {"type": "str", "required": True},
        "email": {"type": "str"},
        "full_name": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "suspended"], "default": "present"},
        "wait_timeout": {"type": "int", "default": 900},
    }
)


def main() -> None:
    """Run the module."""
    module = SPEC.merge(BILLING).module(supports_check_mode=True)
    try:
        desired = desired_from(module.params)
        api = Customers(module.params)
        actual = api.read()
        planned = plan(actual, desired)
        if not module.check_mode:
            planned.apply(api)
        result = {"customer": api.view(), "plan_conflict": plan_conflict(actual, desired)}
    except (ApiError, ContractError) as error:
        module.fail_json(msg=str(error), **facts(error))
    shown = {name: value for name, value in result.items() if value is not None}
    if "plan_conflict" in shown:
        module.warn(shown["plan_conflict"])
    module.exit_json(**shown, **planned.result())


if __name__ == "__main__":
    main()
