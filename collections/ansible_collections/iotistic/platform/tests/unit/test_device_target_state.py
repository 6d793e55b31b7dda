# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stories of what devices are to run."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils.basic import AnsibleModule

PUMP = "5f0c1f7e-8a54-4d0b-9d3c-0a6d2f1b7c11"
PRESS = "0b9d5a6c-7f0b-4c55-8d36-19e6a6b1c902"
STRANGER = "c3a1f0d2-9b1e-4f77-b2c4-7d5e8a90de03"


def apps(state="running", **service):
    """One app with one service."""
    whole = {"serviceId": "1", "serviceName": "web", "imageName": "web:1", "state": state}
    return {"1001": {"appId": "1001", "appName": "a", "services": [{**whole, **service}]}}


@pytest.fixture
def devices(run, acme):
    for uuid, name in ((PUMP, "pump"), (PRESS, "press")):
        run("device", uuid=uuid, name=name, **acme)
    return acme


def both(pump="running", press="paused"):
    return [{"uuid": PUMP, "apps": apps(pump)}, {"uuid": PRESS, "apps": apps(press)}]


def test_a_list_is_one_write_and_then_none(run, platform, devices):
    untouched = platform.state()
    predicted = run("device_target_state", check=True, targets=both(), **devices)
    assert predicted["changed"]
    assert platform.state() == untouched

    platform.requests.clear()
    written = run("device_target_state", targets=both(), **devices)
    assert written["diff"] == predicted["diff"]
    assert platform.asked("PUT") == ["PUT /api/v1/target-states"]
    assert [(each["uuid"], each["version"]) for each in written["targets"]] == [
        (PUMP, 1),
        (PRESS, 1),
    ]

    again = run("device_target_state", targets=both(), **devices)
    assert (again["changed"], again["targets"]) == (False, written["targets"])


def test_only_what_differs_is_written(run, platform, devices):
    run("device_target_state", targets=both(), **devices)
    changed = run("device_target_state", targets=both(press="stopped"), **devices)
    assert [each["version"] for each in changed["targets"]] == [1, 2]
    assert PUMP not in changed["diff"]["after"]


def test_one_device_by_its_own_options(run, platform, devices):
    config = {"logging": {"level": "debug"}}
    one = {"uuid": PUMP, "apps": apps(), "config": config}
    assert run("device_target_state", **one, **devices)["changed"]
    assert not run("device_target_state", **one, **devices)["changed"]
    assert platform.targets[PUMP]["spec"]["config"] == config


def test_no_apps_empty_a_device(run, platform, devices):
    run("device_target_state", uuid=PUMP, apps=apps(), **devices)
    assert run("device_target_state", uuid=PUMP, apps={}, **devices)["changed"]
    assert not run("device_target_state", uuid=PUMP, apps={}, **devices)["changed"]


def test_an_override_is_shown_and_left_alone(run, platform, devices):
    run("device_target_state", uuid=PUMP, apps=apps(), **devices)
    override = {"state": "stopped", "owner": "ada", "reason": "leak"}
    platform.targets[PUMP]["overrides"] = {"1": override}
    again = run("device_target_state", uuid=PUMP, apps=apps(), **devices)
    assert not again["changed"]
    assert len(again["overrides"]) == 1
    assert "ada" in again["overrides"][0]
    assert "ada" in json.dumps(again["warnings"])
    assert platform.targets[PUMP]["overrides"] == {"1": override}


def test_a_secret_is_compared_and_shown_nowhere(run, platform, devices, monkeypatch):
    logged = []
    monkeypatch.setattr(
        AnsibleModule, "log", lambda _self, *words, **more: logged.append((words, more))
    )

    def secret(value):
        return {"uuid": PUMP, "apps": apps(config={"secrets": {"TOKEN": value}})}

    made = run("device_target_state", **secret("hunter2-hunter2"), **devices)
    assert made["changed"]
    assert not run("device_target_state", **secret("hunter2-hunter2"), **devices)["changed"]
    changed = run("device_target_state", targets=[secret("correct-horse")], **devices)
    assert "new value" in changed["diff"]["after"]
    broken = {"uuid": PUMP, "apps": apps(config={"secrets": {"TOKEN": "battery"}, "colour": 1})}
    refused = run("device_target_state", failing=True, **broken, **devices)
    assert "/apps/1001/services/0/config/colour" in refused["msg"]

    assert logged
    told = json.dumps([made, changed, refused, repr(logged), platform.targets])
    assert not any(word in told for word in ("hunter2", "correct-horse", "battery"))


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"targets": [both()[0], {"uuid": PRESS, "apps": apps(colour="red")}]}, "/targets/1/apps/"),
        ({"uuid": PUMP, "apps": apps(config={"ports": ["99999:80"]})}, "/ports/0"),
        ({"uuid": PUMP, "apps": apps(serviceId=342391)}, "/services/0/serviceId"),
        ({"uuid": "pump", "apps": {}}, "/uuid"),
        ({"targets": [both()[0], both()[0]]}, "/targets/1/uuid"),
    ],
)
def test_bad_input_is_refused_with_its_place(run, platform, devices, options, place):
    platform.requests.clear()
    refused = run("device_target_state", failing=True, **options, **devices)
    assert place in refused["msg"]
    assert platform.requests == []


def test_an_unknown_device_stops_the_whole_list(run, platform, devices):
    targets = [*both(), {"uuid": STRANGER, "apps": {}}]
    refused = run("device_target_state", failing=True, targets=targets, **devices)
    assert f"knows no device {STRANGER}" in refused["msg"]
    assert platform.targets == {}


def test_waiting_ends_when_each_device_has_applied_its_version(run, platform, devices):
    report = {"status": "applied", "appliedVersion": 1}
    platform.reports = {PUMP: report, PRESS: report}
    platform.away = ["/current-state"]
    assert run("device_target_state", targets=both(), wait=True, **devices)["changed"]

    waiting = {"wait": True, "wait_timeout": 0}
    late = run("device_target_state", failing=True, targets=both("paused"), **waiting, **devices)
    assert f"{PUMP}: wanted version 2, reports applied, applied version 1" in late["msg"]
    assert PRESS not in late["msg"]


def test_a_refused_service_is_told(run, platform, devices):
    error = {"type": "policy", "message": "privileged is denied"}
    services = {"1": {"state": "refused", "error": error}}
    platform.reports[PUMP] = {"status": "failed", "apps": {"1001": {"services": services}}}
    waiting = {"wait": True, "wait_timeout": 0}
    late = run("device_target_state", failing=True, uuid=PUMP, apps=apps(), **waiting, **devices)
    assert "service 1 is refused: privileged is denied" in late["msg"]


def test_a_release_that_was_given_up_ends_the_waiting_at_once(run, platform, devices):
    failure = {"type": "health", "message": "web: the container is unhealthy"}
    platform.reports[PUMP] = {"status": "rolled_back", "failedVersion": 1, "failure": failure}
    waiting = {"wait": True, "wait_timeout": 3600}
    left = run("device_target_state", failing=True, uuid=PUMP, apps=apps(), **waiting, **devices)
    assert "tried and given up, what ran before runs again" in left["msg"]
    assert "health: web: the container is unhealthy" in left["msg"]
