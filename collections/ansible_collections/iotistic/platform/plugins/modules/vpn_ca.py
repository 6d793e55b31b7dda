#!/usr/bin/python
# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vpn_ca
short_description: A certificate authority in a folder
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Makes the root of a site, its platform authority, or the issuing authority of one tenant.
  - An authority that is there and differs is refused. It is never replaced in place, since that
    cuts everybody off who trusts it.
options:
  kind:
    description: Which authority it is.
    type: str
    choices: [root, platform, tenant]
    required: true
  path:
    description:
      - Its folder, made with mode 0700.
      - It holds C(ca.key), C(ca.pem), C(chain.pem), C(crl.pem), C(index.sqlite), and for a tenant
        C(tenant-ca.pem), the self-signed form of the same key.
    type: path
    required: true
  name:
    description: Name of the organization. Required for V(root) and V(platform).
    type: str
  issuer:
    description: Folder of the authority that signs it. Required for V(platform) and V(tenant).
    type: path
  customer_id:
    description: The customer that a tenant's authority belongs to. Required for V(tenant).
    type: str
  base_domain:
    description: The domain below which the tenant's names are. Required for V(tenant).
    type: str
  addresses:
    description: The addresses that a tenant's authority may certify.
    type: list
    elements: str
    default: []
  passphrase:
    description: What the key of a V(root) is encrypted with. Not encrypted when omitted.
    type: str
  issuer_passphrase:
    description: What the key of O(issuer) is encrypted with.
    type: str
requirements:
  - cryptography >= 46
extends_documentation_fragment:
  - iotistic.platform.attributes
seealso:
  - module: iotistic.platform.vpn_certificate
"""

EXAMPLES = r"""
- name: The site has a root
  iotistic.platform.vpn_ca:
    kind: root
    name: Example
    path: /srv/site/pki/root

- name: The tenant has an authority of its own
  iotistic.platform.vpn_ca:
    kind: tenant
    path: /srv/site/tenants/dc5fec42/ca
    issuer: /srv/site/pki/platform
    customer_id: cust_dc5fec42901a4b2f9f6c1c2d3e4f5a6b
    base_domain: example.com
    addresses:
      - 127.77.0.16
"""

RETURN = r"""
authority:
  description: The authority after the task.
  returned: when it is there
  type: dict
  contains:
    name:
      description: Its common name.
      type: str
    not_after:
      description: When it ends.
      type: str
    pin:
      description: SHA-256 of its public key, as devices pin it.
      type: str
    certificate:
      description: Path of its certificate.
      type: str
    chain:
      description: Path of what servers send after their own certificate.
      type: str
    anchor:
      description: Path of the certificate that devices and brokers trust.
      type: str
    crl:
      description: Path of its revocation list.
      type: str
"""

from pathlib import Path

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._contract.errors import ContractError
from ..module_utils._contract.planning.certificate_authority import plan
from ..module_utils._pki.errors import PkiFault
from ..module_utils._requirements import require_cryptography
from ..module_utils.vpn_ca import Authorities, authority_facts, desired_from

SPEC = ArgumentSpec(
    argument_spec={
        "kind": {"type": "str", "choices": ["root", "platform", "tenant"], "required": True},
        "path": {"type": "path", "required": True},
        "name": {"type": "str"},
        "issuer": {"type": "path"},
        "customer_id": {"type": "str"},
        "base_domain": {"type": "str"},
        "addresses": {"type": "list", "elements": "str", "default": []},
        "passphrase": {"type": "str", "no_log": True},
        "issuer_passphrase": {"type": "str", "no_log": True},
    },
    required_if=(
        ("kind", "root", ("name",)),
        ("kind", "platform", ("name", "issuer")),
        ("kind", "tenant", ("issuer", "customer_id", "base_domain")),
    ),
)


def main() -> None:
    """Run the module."""
    module = SPEC.module(supports_check_mode=True)
    require_cryptography(module)
    try:
        desired = desired_from(module.params)
        api = Authorities(module.params["passphrase"], module.params["issuer_passphrase"])
        planned = plan(api.read(desired), desired)
        if not module.check_mode:
            planned.apply(api)
        authority = authority_facts(Path(desired.folder))
    except (ContractError, PkiFault, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**({"authority": authority} if authority else {}), **planned.result())


if __name__ == "__main__":
    main()
