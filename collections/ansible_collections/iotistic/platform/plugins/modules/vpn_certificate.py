#!/usr/bin/python
# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vpn_certificate
short_description: A certificate and its key in a folder
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Makes a private key where there is none, and has a certificate issued for it.
  - The certificate is issued again before it ends, and when its names, its key or its authority
    are not what they are to be, or when it was revoked. The key stays.
options:
  profile:
    description: Whether it is for a TLS server or for a client.
    type: str
    choices: [server, client]
    required: true
  path:
    description:
      - Its folder.
      - It holds C(key.pem), mode 0600, C(cert.pem), and C(chain.pem), which is the certificate
        followed by those of its authorities, as servers send it.
    type: path
    required: true
  authority:
    description: Folder of the authority that issues it, whose key is used.
    type: path
  signer:
    description: Socket of the process that holds the authority's key and issues it.
    type: path
  passphrase:
    description: What the key in O(authority) is encrypted with.
    type: str
  key_type:
    description: What kind of key is made where there is none.
    type: str
    choices: [p256, ed25519, rsa2048, rsa3072]
    default: p256
  common_name:
    description:
      - Of a V(client), a device's uuid or the name of a program. Required there.
      - Of a V(server), a word for people, V(server) when omitted. It is never a host's name.
    type: str
  names:
    description: DNS names of a server.
    type: list
    elements: str
    default: []
  addresses:
    description: IP addresses of a server.
    type: list
    elements: str
    default: []
  days:
    description: For how many days it is issued, at most 397.
    type: int
    default: 397
  renew_before_days:
    description: How many days before its end it is issued again.
    type: int
    default: 132
requirements:
  - cryptography >= 46
extends_documentation_fragment:
  - iotistic.platform.attributes
seealso:
  - module: iotistic.platform.vpn_ca
"""

EXAMPLES = r"""
- name: Billing has a certificate
  iotistic.platform.vpn_certificate:
    profile: server
    authority: /srv/site/pki/platform
    path: /srv/site/tls/billing
    addresses:
      - 127.77.0.3
"""

RETURN = r"""
certificate:
  description: The certificate after the task.
  returned: success
  type: dict
  contains:
    profile:
      description: V(server) or V(client).
      type: str
    common_name:
      description: Its common name.
      type: str
    names:
      description: Its DNS names.
      type: list
      elements: str
    addresses:
      description: Its IP addresses.
      type: list
      elements: str
    valid_until:
      description: The day on which it ends.
      type: str
"""

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._contract.errors import ContractError
from ..module_utils._contract.planning.certificate import plan
from ..module_utils._pki.errors import PkiFault
from ..module_utils._requirements import require_cryptography
from ..module_utils.vpn_certificate import Certificates, desired_from, issuer_from

SPEC = ArgumentSpec(
    argument_spec={
        "profile": {"type": "str", "choices": ["server", "client"], "required": True},
        "path": {"type": "path", "required": True},
        "authority": {"type": "path"},
        "signer": {"type": "path"},
        "passphrase": {"type": "str", "no_log": True},
        "key_type": {
            "type": "str",
            "choices": ["p256", "ed25519", "rsa2048", "rsa3072"],
            "default": "p256",
            "no_log": False,
        },
        "common_name": {"type": "str"},
        "names": {"type": "list", "elements": "str", "default": []},
        "addresses": {"type": "list", "elements": "str", "default": []},
        "days": {"type": "int", "default": 397},
        "renew_before_days": {"type": "int", "default": 132},
    },
    required_if=(("profile", "client", ("common_name",)),),
    required_one_of=(("authority", "signer"),),
    mutually_exclusive=(("authority", "signer"), ("signer", "passphrase")),
)


def main() -> None:
    """Run the module."""
    module = SPEC.module(supports_check_mode=True)
    require_cryptography(module)
    try:
        desired = desired_from(module.params)
        api = Certificates(issuer_from(module.params))
        planned = plan(api.read(desired), desired)
        if not module.check_mode:
            planned.apply(api)
    except (ContractError, PkiFault, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(certificate=planned.after, **planned.result())


if __name__ == "__main__":
    main()
