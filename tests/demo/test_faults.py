"""Faults: how what follows is told, and what of it is pure."""

from __future__ import annotations

import pytest

from tools.demo.api import ApiError
from tools.demo.faults.containers import with_image
from tools.demo.faults.processes import connections
from tools.demo.faults.watch import NotRepairedError, Watch

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 10014F7F:22B3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 10014F7F:22B3 80014F7F:C001 01 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 80014F7F:C001 10014F7F:22B3 01 00000000:00000000 00:00000000 00000000     0        0 3 1
   3: 10014F7F:22B3 81014F7F:C002 06 00000000:00000000 00:00000000 00000000     0        0 4 1
   4: 10014F7F:22B4 81014F7F:C003 01 00000000:00000000 00:00000000 00000000     0        0 5 1
"""


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
