#!/usr/bin/python
# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_files
short_description: Keep random secrets in files that only their owner reads
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Makes each named file with 256 random bits, once, and never changes one that is there.
  - The folder gets mode C(0700), each file C(0600). No secret is returned or shown.
options:
  path:
    description: The folder.
    type: path
    required: true
  names:
    description: Names of the files.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    description: Predicts what a run would do, and changes nothing.
    support: full
  diff_mode:
    description: Shows which files there are before and after, never what is in them.
    support: full
"""

EXAMPLES = r"""
- name: The site has its secrets
  iotistic.platform.secret_files:
    path: /srv/site/secrets
    names: [billing-admin-token, billing-db-password]
"""

RETURN = r"""
created:
  description: Names of the files that were made.
  returned: always
  type: list
  elements: str
"""

import os
import secrets
import stat
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def missing(folder, names):
    """Return those of the names that have no file with something in it."""
    return [
        name
        for name in names
        if not (folder / name).is_file() or (folder / name).stat().st_size == 0
    ]


def make(path):
    """Write a new secret (43 characters of base64url) at one stroke."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def main():
    """Run the module."""
    module = AnsibleModule(
        {
            "path": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "required": True, "no_log": False},
        },
        supports_check_mode=True,
    )
    folder, names = Path(module.params["path"]), module.params["names"]
    created = missing(folder, names)
    closed = folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) == 0o700
    there = [name for name in names if name not in created]
    if not module.check_mode:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        for name in created:
            make(folder / name)
    module.exit_json(
        changed=bool(created) or not closed,
        created=created,
        diff={"before": {"files": there}, "after": {"files": names}},
    )


if __name__ == "__main__":
    main()
