"""The broker's grants are written in a role's template; the contract says what they must be."""

from __future__ import annotations

from pathlib import Path

from iotistic_contract.topics import acl_file

TEMPLATE = Path(__file__).parents[2] / "roles/mosquitto/templates/acl.j2"


def test_the_role_grants_what_the_contract_says() -> None:
    assert TEMPLATE.read_text() == acl_file()
