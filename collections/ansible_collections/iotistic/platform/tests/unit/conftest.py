# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules run as Ansible runs them, against a platform in memory behind real HTTPS."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest
import yaml
from ansible.module_utils import basic

COLLECTIONS = Path(__file__).resolve().parents[5]
sys.path[:0] = [str(COLLECTIONS), str(Path(__file__).parent)]

from certificates import made_certificates
from platform_server import MemoryPlatform

PACKAGE = "ansible_collections.iotistic.platform.plugins"
ALWAYS = {"changed", "diff", "invocation", "warnings", "msg", "exception", "failed"}


class Runner:
    """Runs a module's main() and returns what it exits with."""

    def __init__(self, capsys, monkeypatch):
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, which, /, *, check=False, failing=False, **options):
        """Return the result; a failure fails the test unless it is expected."""
        module = importlib.import_module(f"{PACKAGE}.modules.{which}")
        given = {name: value for name, value in options.items() if value is not None}
        arguments = {**given, "_ansible_check_mode": check, "_ansible_diff": True}
        self._capsys.readouterr()
        self._hand_over(arguments)
        with pytest.raises(SystemExit):
            module.main()
        result = json.loads(self._capsys.readouterr().out)
        assert bool(result.get("failed")) == failing, result.get("msg")
        documented = yaml.safe_load(module.RETURN)
        assert set(result) - ALWAYS <= set(documented), "RETURN doesn't document a key"
        return result

    def _hand_over(self, arguments):
        """Put options where AnsibleModule reads them, in ansible-core 2.16 and 2.19 alike."""
        text = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        self._monkeypatch.setattr(basic, "_ANSIBLE_ARGS", text)
        self._monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)


@pytest.fixture
def run(capsys, monkeypatch):
    return Runner(capsys, monkeypatch)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return made_certificates(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def platform(certificates):
    with MemoryPlatform(certificates) as server:
        yield server


@pytest.fixture
def connection(platform, certificates):
    """Options by which a module reaches the platform."""
    return {
        "billing_url": platform.url,
        "billing_token": platform.admin_token,
        "ca_file": str(certificates.root),
    }


@pytest.fixture
def acme(run, platform, connection):
    """Connection options of a tenant that is deployed."""
    run("customer", external_id="acme", company_name="Acme", plan="starter", **connection)
    return {**connection, "tenant": "acme"}
