"""What a status says, and when it says that all is well."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tools.demo.state import DeviceState, ServiceState, State
from tools.demo.supervisor import Program
from tools.demo.text import columns, duration

API = Program("0a1b2c3d-api", "RUNNING", 7, 130, "")
AGENT = Program("device-acme-gateway", "RUNNING", 8, 61, "")
READY = ServiceState("acme's API", API.name, "https://127.79.1.16:3002", None)
GATEWAY = DeviceState(
    name="acme-gateway", tenant="acme", address="127.79.1.128", online=True, applied=3, wanted=3,
    services={"web": "running", "sampler": "paused"}, trouble=None,
)  # fmt: skip
WELL = State(
    id="12345678", folder="/srv/site", running=True, whole=True,
    programs=(("tenant acme", API), ("device acme-gateway", AGENT)),
    services=(READY,), devices=(GATEWAY,),
)  # fmt: skip


def test_a_site_that_is_well():
    assert WELL.troubles == []
    assert WELL.lines() == [
        "Site 12345678 in /srv/site",
        "",
        "tenant acme",
        "  0a1b2c3d-api  running  2 min  ready  https://127.79.1.16:3002",
        "",
        "device acme-gateway",
        "  device-acme-gateway  running  61 s",
        "  online, version 3 of 3; web running, sampler paused",
        "",
        "All is well.",
    ]


@pytest.mark.parametrize(
    ("state", "trouble"),
    [
        (replace(WELL, running=False), "it is stopped: ./run demo start"),
        (
            replace(WELL, running=False, silent=(12,)),
            "its supervisor, process 12, doesn't answer: ./run demo start",
        ),
        (replace(WELL, whole=False), "no run has come to its end: ./run demo"),
        (
            replace(WELL, programs=(("tenant acme", replace(API, state="BACKOFF")),)),
            "0a1b2c3d-api is BACKOFF: ./run demo logs 0a1b2c3d-api",
        ),
        (replace(WELL, services=(replace(READY, trouble="503"),)), "acme's API: 503"),
        (
            replace(WELL, devices=(replace(GATEWAY, trouble="is offline"),)),
            "acme-gateway: is offline",
        ),
    ],
)
def test_each_trouble_is_told(state, trouble):
    assert state.troubles == [trouble]
    assert state.lines()[-2:] == ["Not well:", f"  {trouble}"]
    assert state.document()["well"] is False


def test_the_document_is_json_with_all_of_it():
    found = json.loads(json.dumps(WELL.document()))
    assert found["site"] == {"id": "12345678", "folder": "/srv/site", "running": True}
    assert (found["well"], found["troubles"]) == (True, [])
    assert found["programs"][0] == {
        "name": "0a1b2c3d-api", "of": "tenant acme", "state": "RUNNING",
        "uptime_seconds": 130, "detail": None,
    }  # fmt: skip
    assert found["services"][0]["ready"] is True
    assert found["devices"][0]["services"] == {"web": "running", "sampler": "paused"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7260, "2 h 1 min"), (180000, "2 d 2 h")],
)
def test_durations_are_for_people(seconds, text):
    assert duration(seconds) == text


def test_names_stand_side_by_side(monkeypatch):
    monkeypatch.setenv("COLUMNS", "24")
    assert columns(["billing", "acme", "registry"]) == "  billing   acme\n  registry"
