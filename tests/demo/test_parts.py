"""Names: whose a program is, and which logs a name stands for."""

from __future__ import annotations

import pytest

from tools.demo.lifecycle import layers
from tools.demo.logs import names_of
from tools.demo.parts import Parts, UnknownNameError

PROGRAMS = [
    "0a1b2c3d-api", "0a1b2c3d-broker", "0a1b2c3d-postgres", "billing", "billing-worker",
    "device-acme-gateway", "dockerd", "ffffffff-api", "postgres", "registry", "supervisord",
]  # fmt: skip


def test_each_program_has_an_owner(parts):
    owners = {name: parts.owner(name) for name in PROGRAMS}
    assert {name for name, owner in owners.items() if owner == "tenant acme"} == set(PROGRAMS[:3])
    assert owners["device-acme-gateway"] == "device acme-gateway"
    assert owners["ffffffff-api"] == "tenant ffffffff"  # one of a run that isn't whole
    assert {name for name, owner in owners.items() if owner == "platform"} == {
        "billing", "billing-worker", "dockerd", "postgres", "registry", "supervisord",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "programs"),
    [
        ("billing", ["billing"]),
        ("acme-gateway", ["device-acme-gateway"]),
        ("device-acme-gateway", ["device-acme-gateway"]),
        ("acme", PROGRAMS[:3]),
        ("acme-broker", ["0a1b2c3d-broker"]),
        ("0a1b2c3d-api", ["0a1b2c3d-api"]),
        ("acme-none", []),
        ("bill", []),
    ],
)
def test_a_log_goes_by_several_names(parts, name, programs):
    assert names_of(parts, PROGRAMS, name) == programs


def test_a_name_that_nothing_has_is_told_with_those_there_are(parts):
    assert parts.tenant(None) == parts.tenant("acme")
    with pytest.raises(UnknownNameError, match="no device press; there is: acme-gateway"):
        parts.device("press")
    with pytest.raises(UnknownNameError, match="there is: none yet"):
        Parts().tenant(None)


def test_agents_end_first_and_databases_last():
    agents, workers, keepers = layers([*PROGRAMS, "device-registry"])
    assert agents == ["device-acme-gateway", "device-registry"]
    assert keepers == ["0a1b2c3d-broker", "0a1b2c3d-postgres", "dockerd", "postgres", "registry"]
    assert sorted([*agents, *workers, *keepers]) == sorted([*PROGRAMS, "device-registry"])
