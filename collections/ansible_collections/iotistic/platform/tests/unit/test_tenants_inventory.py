# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`ansible-inventory --list` of all tenants, as it is known to be right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden/tenants.json"
COLLECTIONS = Path(__file__).resolve().parents[5]
SOURCE = """
plugin: iotistic.platform.tenants
compose:
  ansible_connection: "'local'"
keyed_groups:
  - key: plan
    prefix: plan
"""


def tenant(short_id, external_id, **other):
    whole = {
        "customer_id": f"cust_{short_id}{'0' * 24}",
        "short_id": short_id,
        "external_id": external_id,
        "company_name": external_id.title(),
        "plan": "starter",
        "status": "ready",
        "state": "present",
        "address": "127.77.8.16",
        "public_url": "https://127.77.8.16:3002",
        "base_domain": "example.test",
        "wanted_hash": "w",
        "applied_hash": "w",
        "ca_pin": None,
    }
    return {**whole, **other}


def plain(value):
    """Return values without the marks that versions of Ansible put differently."""
    if not isinstance(value, dict):
        return value
    if set(value) == {"__ansible_unsafe"}:
        return value["__ansible_unsafe"]
    return {key: plain(each) for key, each in value.items() if key != "profile"}


@pytest.fixture
def listed(platform, certificates, tmp_path):
    """Returns a function that lists the inventory, with those environment variables changed."""
    source = tmp_path / "tenants.yml"
    source.write_text(SOURCE)
    token = tmp_path / "token"
    token.write_text(f"{platform.admin_token}\n")

    def inventory(**environment):
        program = Path(sys.executable).parent / "ansible-inventory"
        return subprocess.run(
            [str(program), "-i", str(source), "--list"],
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(tmp_path),
                "LANG": "C.UTF-8",
                "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
                "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
                "IOTISTIC_BILLING_URL": platform.url,
                "IOTISTIC_BILLING_TOKEN_FILE": str(token),
                "IOTISTIC_CA_FILE": str(certificates.root),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return inventory


def test_the_list_is_the_golden_one(listed, platform):
    platform.customers = {
        "acme": tenant("dc5fec42", "acme", plan="professional"),
        "globex": tenant("0a1b2c3d", "globex", state="suspended", status="suspended"),
        "hooli": tenant("77777777", "hooli", company_name="{{ lookup('pipe', 'id') }}"),
    }
    done = listed()
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert plain(found) == json.loads(GOLDEN.read_text())
    chosen = found["_meta"]["hostvars"]["77777777"]["company_name"]
    assert chosen == {"__ansible_unsafe": "{{ lookup('pipe', 'id') }}"}  # never a template
    assert platform.admin_token not in done.stdout


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"IOTISTIC_BILLING_URL": "https://127.77.8.1:9"}, "connection refused"),
        ({"IOTISTIC_BILLING_TOKEN_FILE": "/nowhere"}, "billing_token_file: /nowhere"),
    ],
)
def test_one_line_says_what_is_wrong(listed, environment, said):
    done = listed(**environment)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_kept_list_needs_no_billing(listed, platform, tmp_path):
    platform.customers = {"acme": tenant("dc5fec42", "acme")}
    cache = {
        "ANSIBLE_INVENTORY_CACHE": "true",
        "ANSIBLE_INVENTORY_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_INVENTORY_CACHE_CONNECTION": str(tmp_path / "cache"),
    }
    first = listed(**cache)
    platform.requests.clear()
    second = listed(**cache)
    assert (second.returncode, second.stdout) == (0, first.stdout)
    assert platform.requests == []
    kept = [path.read_text() for path in (tmp_path / "cache").iterdir()]
    assert kept
    assert not any(platform.admin_token in text for text in kept)
