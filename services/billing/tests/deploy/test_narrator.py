"""What the worker is told of a run, from recorded events."""

import io
import json

import pytest

from iotistic_billing.run_job import Narrator


def event(name, stdout="", **about):
    return {"event": name, "stdout": stdout, "event_data": about}


def failed(task, **result):
    return event("runner_on_failed", task=task, res=result)


def ok(task):
    return event("runner_on_ok", task=task, res={})


def told(events, status="failed", code=2):
    out = io.StringIO()
    narrator = Narrator(out)
    kept = [narrator.event(each) for each in events]
    narrator.end(status, code)
    assert not any(kept)
    return [json.loads(line) for line in out.getvalue().splitlines()]


COMMAND = {"msg": "non-zero return code", "rc": 1, "stderr": "no such host\n"}
LOOP = [
    event("runner_item_on_failed", task="T", res={**COMMAND, "item": "three"}),
    failed("T", msg="One or more items failed", results=[]),
]


@pytest.mark.parametrize(
    ("events", "error"),
    [
        ([failed("T", msg="broken")], "T: broken"),
        ([failed("T", **COMMAND)], "T: non-zero return code: no such host"),
        (LOOP, "T (three): non-zero return code: no such host"),
        ([failed("T", msg="later well"), ok("T")], "ansible-playbook ended with 2"),
        ([failed("T", msg="broken"), ok("Always")], "T: broken"),
        (
            [event("verbose", stdout="\x1b[0;31m[ERROR]: billing can't be reached\x1b[0m")],
            "billing can't be reached",
        ),
        (
            [event("runner_on_unreachable", task="T", res={"msg": "no route"})],
            "T: no route",
        ),
        ([], "ansible-playbook ended with 2"),
    ],
    ids=["task", "program", "loop", "retried", "rescued-after", "ansible", "unreachable", "silent"],
)
def test_the_error_is_what_the_task_has_said(events, error):
    assert told(events)[-1] == {"end": {"ok": False, "error": error}}


def test_a_run_that_held_no_tenant_failed_though_ansible_is_content():
    events = [event("playbook_on_no_hosts_matched")]

    assert told(events, "successful", 0)[-1] == {
        "end": {"ok": False, "error": "the inventory doesn't hold this tenant"}
    }


def test_lines_progress_and_facts_in_their_order():
    events = [
        event("playbook_on_task_start", "\nTASK [A]\n", task="A"),
        event("runner_on_ok", "ok: [t]", task="A"),
        event("playbook_on_stats", artifact_data={"tenant_ca_pin": "p"}),
    ]

    assert told(events, "successful", 0) == [
        {"progress": {"done": 1, "task": "A"}},
        {"line": "TASK [A]"},
        {"line": "ok: [t]"},
        {"facts": {"tenant_ca_pin": "p"}},
        {"end": {"ok": True, "error": None}},
    ]
