"""Faults: how what follows is told, and what of it is pure."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import pytest

from tools.demo.api import ApiError
from tools.demo.engine import Container
from tools.demo.faults.containers import with_image, wrong_image
from tools.demo.faults.processes import connections
from tools.demo.faults.signals import raised
from tools.demo.faults.watch import NotRepairedError, Watch

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 10014F7F:22B3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 10014F7F:22B3 80014F7F:C001 01 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 80014F7F:C001 10014F7F:22B3 01 00000000:00000000 00:00000000 00000000     0        0 3 1
   3: 10014F7F:22B3 81014F7F:C002 06 00000000:00000000 00:00000000 00000000     0        0 4 1
   4: 10014F7F:22B4 81014F7F:C003 01 00000000:00000000 00:00000000 00000000     0        0 5 1
"""


SPEC = {"apps": {"1": {"services": [{"serviceName": "web", "imageName": "a"}]}}}


class MemoryTargets:
    """A tenant's API with one target state, and what happens before and after it is written."""

    def __init__(self, before=lambda: None, after=lambda: None):
        self.spec, self.revision = SPEC, 1
        self.before, self.after = before, after

    def get(self, path):
        if path.endswith("/current-state"):
            return {"report": None}
        return {"spec": self.spec, "specRevision": self.revision, "version": self.revision}

    def call(self, method, path, body, headers):
        assert (method, headers) == ("PUT", {"If-Match": f'"{self.revision}"'})
        self.before()
        self.spec, self.revision = body, self.revision + 1
        if self.revision == 2:
            self.after()
        return self.get(path)


class Time:
    """A clock that a sleep moves."""

    def __init__(self):
        self.now = 100.0
        self.told = []

    def sleep(self, seconds):
        self.now += seconds

    def watch(self):
        return Watch(say=self.told.append, now=lambda: self.now, sleep=self.sleep)


def test_what_follows_is_told_with_the_seconds_since_the_fault():
    time = Time()
    watch = time.watch()
    time.sleep(5)
    watch.did("killed it")
    answers = iter([ApiError("away"), False, None, "process 7"])

    def seen():
        answer = next(answers)
        if isinstance(answer, ApiError):
            raise answer
        return answer

    watch.until("it runs", seen)
    assert time.told == ["    0.0 s  killed it", "    0.3 s  it runs: process 7"]


def test_what_is_not_repaired_is_told():
    watch = Time().watch()
    with pytest.raises(NotRepairedError, match="after 3 s still not so: it runs"):
        watch.until("it runs", lambda: False, patience=3)


def test_established_connections_to_a_server_are_counted():
    assert connections("127.79.1.16", 8883, TCP) == 1
    assert connections("127.79.1.16", 8884, TCP) == 1
    assert connections("127.79.1.17", 8883, TCP) == 0


def test_only_the_service_that_is_named_gets_another_image():
    spec = {
        "apps": {
            "1": {
                "services": [
                    {"serviceName": "web", "imageName": "a"},
                    {"serviceName": "report", "imageName": "b"},
                ]
            }
        }
    }
    new = with_image(spec, "web", "c")
    assert [one["imageName"] for one in new["apps"]["1"]["services"]] == ["c", "b"]
    assert spec["apps"]["1"]["services"][0]["imageName"] == "a"


def signals(*numbers):
    def send():
        for number in numbers:
            os.kill(os.getpid(), number)

    return send


def no_answer():
    raise ApiError("no answer")


def broken_image(targets, parts):
    world = SimpleNamespace(
        api=lambda _tenant: targets,
        tenant_of=lambda device: parts.tenant(device.tenant),
        engine=SimpleNamespace(service=lambda *_: Container("1", "web", "running")),
        parts=parts,
    )
    with raised():
        wrong_image(world, parts.device(None), Time().watch())


@pytest.mark.parametrize(
    ("targets", "ended"),
    [
        (MemoryTargets(before=signals(signal.SIGTERM)), SystemExit),
        (MemoryTargets(before=signals(signal.SIGHUP, signal.SIGHUP)), SystemExit),
        (MemoryTargets(before=signals(signal.SIGINT)), KeyboardInterrupt),
        (MemoryTargets(after=no_answer), ApiError),
    ],
    ids=["SIGTERM", "a closed terminal", "Ctrl-C", "no answer"],
)
def test_an_image_that_does_not_exist_is_taken_back_however_the_fault_ends(parts, targets, ended):
    before = signal.getsignal(signal.SIGHUP)
    with pytest.raises(ended):
        broken_image(targets, parts)
    assert (targets.spec, targets.revision) == (SPEC, 3)
    assert signal.getsignal(signal.SIGHUP) == before


def test_a_second_signal_does_not_disturb_what_is_taken_back():
    told = []

    def fault():
        try:
            signals(signal.SIGTERM)()
        finally:
            signals(signal.SIGHUP)()
            told.append("taken back")

    with pytest.raises(SystemExit) as end, raised():
        fault()
    assert (told, end.value.code) == (["taken back"], 128 + signal.SIGTERM)


def test_what_another_person_wrote_meanwhile_stays(parts):
    other = with_image(SPEC, "web", "b")

    def write():
        targets.spec, targets.revision = other, 3
        raise ApiError("no answer")

    targets = MemoryTargets(after=write)
    with pytest.raises(ApiError):
        broken_image(targets, parts)
    assert (targets.spec, targets.revision) == (other, 3)
