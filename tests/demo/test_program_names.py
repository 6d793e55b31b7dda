"""The role makes, stops and watches one list of programs; a status asks those."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tools.demo import status
from tools.demo.supervisor import Program

ROLE = Path(__file__).parents[2] / "roles" / "tenant_local"
NAMES = re.compile(r'(?:process_name|_process): "\{\{ short_id \}\}-(\w+)"')


class Site:
    def tls(self):
        return None


def listed():
    return yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())["tenant_local_programs"]


def test_the_role_makes_what_it_lists_in_that_order():
    assert NAMES.findall((ROLE / "tasks" / "present.yml").read_text()) == listed()


def test_a_status_asks_programs_that_the_role_makes(parts, monkeypatch):
    monkeypatch.setattr(status, "is_ready", lambda _url, _tls: None)
    tenant = parts.tenants[0]
    names = [f"{tenant.short_id}-{name}" for name in listed()]
    programs = [Program(name, "RUNNING", 1, 1, "") for name in names]
    asked = {one.name: one.program for one in status.health_of(Site(), parts, programs)}
    assert asked == {
        f"{tenant.name}'s API": f"{tenant.short_id}-api",
        f"{tenant.name}'s dashboard": f"{tenant.short_id}-dashboard",
    }
