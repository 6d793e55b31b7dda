#!/usr/bin/python
# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: file_manifest
short_description: Write down which files a deployment made, with their hashes
version_added: 0.1.0
author: The Iotistic founders (@iotistic)
description:
  - Writes a JSON object that maps each file's path to the SHA-256 of its content in hex.
  - Who runs from these files can tell by it that one was changed or lost.
options:
  path:
    description: The manifest.
    type: path
    required: true
  files:
    description: The files. Each must be there, except in check mode.
    type: list
    elements: path
    required: true
attributes:
  check_mode:
    description: Predicts what a run would do, and changes nothing.
    support: full
  diff_mode:
    description: Shows the manifest before and after.
    support: full
"""

EXAMPLES = r"""
- name: What was configured is written down
  iotistic.platform.file_manifest:
    path: /srv/site/tenants/0a1b2c3d/manifest.json
    files: [/srv/site/tenants/0a1b2c3d/mosquitto/mosquitto.conf]
"""

RETURN = r"""
files:
  description: How many files the manifest names.
  returned: success
  type: int
"""

import hashlib
import json
import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def manifest(files):
    """Return the manifest's text; raises FileNotFoundError for a missing file."""
    hashes = {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in files}
    return json.dumps(hashes, indent=2, sort_keys=True) + "\n"


def main():
    """Run the module."""
    module = AnsibleModule(
        {
            "path": {"type": "path", "required": True},
            "files": {"type": "list", "elements": "path", "required": True},
        },
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    files = [
        name for name in module.params["files"] if not module.check_mode or Path(name).exists()
    ]
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        after = manifest(files)
    except FileNotFoundError as error:
        module.fail_json(msg=f"{error.filename} was to be there by now, and isn't")
    if before != after and not module.check_mode:
        new = path.with_name(f".{path.name}.new")
        with new.open("w", encoding="utf-8") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    module.exit_json(
        changed=before != after, files=len(files), diff={"before": before, "after": after}
    )


if __name__ == "__main__":
    main()
