# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written about modules is so."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import yaml
from conftest import PACKAGE

COLLECTION = Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in (COLLECTION / "plugins/modules").glob("*.py"))


@pytest.mark.parametrize("name", MODULES)
def test_examples_use_options_that_there_are(name):
    module = importlib.import_module(f"{PACKAGE}.modules.{name}")
    fragments = yaml.safe_load(module.DOCUMENTATION).get("extends_documentation_fragment", [])
    options = dict(yaml.safe_load(module.DOCUMENTATION).get("options") or {})
    for fragment in fragments:
        plugin, _dot, part = fragment.removeprefix("iotistic.platform.").partition(".")
        documents = importlib.import_module(f"{PACKAGE}.doc_fragments.{plugin}").ModuleDocFragment
        text = getattr(documents, part.upper() or "DOCUMENTATION")
        options |= yaml.safe_load(text)["options"]
    tasks = yaml.safe_load(module.EXAMPLES)
    assert tasks
    for task in tasks:
        given = task[f"iotistic.platform.{name}"] or {}
        assert set(given) <= set(options)
        assert {key for key, each in options.items() if each.get("required")} <= set(given)


def test_modules_that_connect_are_in_the_action_group():
    runtime = yaml.safe_load((COLLECTION / "meta/runtime.yml").read_text())
    connecting = [
        name
        for name in MODULES
        if "iotistic.platform.attributes.group"
        in (COLLECTION / f"plugins/modules/{name}.py").read_text()
    ]
    assert runtime["action_groups"]["all"] == connecting


def test_the_readme_names_each_module():
    text = (COLLECTION / "README.md").read_text()
    assert [name for name in MODULES if f"`{name}`" not in text] == []
    assert len(text.splitlines()) <= 60
