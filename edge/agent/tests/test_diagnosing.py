"""What is made of what was found; and the numbers for Prometheus."""

import re
from datetime import UTC, datetime

import pytest

from iotistic_agent import diagnosing
from iotistic_agent.adapters.power import in_container
from iotistic_agent.cli import shown_checks
from iotistic_agent.diagnosing import Reached
from iotistic_agent.measures import Measures, exposition
from iotistic_agent.signals import Situation
from iotistic_contract.planning.containers import Container, EngineState, World

GOOD = {
    "host": "api.example", "port": 443, "addresses": ("192.0.2.1",), "tls": "TLSv1.3",
    "valid_until": datetime(2027, 1, 2, tzinfo=UTC), "status": 200, "skew": 1.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "link", "verdicts"),
    [
        ({}, "online", "ok ok ok ok"),
        ({"status": 404}, "online", "ok ok ok ok"),
        ({}, "offline", "ok ok ok warning"),
        ({"skew": -31.0}, "online", "ok warning ok ok"),
        ({"skew": 30.0}, "online", "ok ok ok ok"),
        ({"skew": 301.0}, "online", "ok failed ok ok"),
        ({"skew": None}, "online", "ok skipped ok ok"),
        ({"status": 503}, "online", "ok ok ok failed"),
        ({"status": None, "api_fault": "cut", "skew": None}, "online", "ok skipped ok failed"),
        (
            {"tls": None, "tls_fault": "expired", "status": None, "skew": None},
            "offline",
            "ok skipped failed skipped",
        ),
        (
            {"tls": None, "connect_fault": "refused", "status": None, "skew": None},
            "offline",
            "ok skipped skipped failed",
        ),
        (
            {"addresses": (), "dns_fault": "no such name", "tls": None, "status": None,
             "skew": None},
            "offline",
            "failed skipped skipped skipped",
        ),
    ],
)  # fmt: skip
def test_the_way_to_the_cloud(change, link, verdicts):
    found = diagnosing.cloud(Reached(**{**GOOD, **change}), link)
    assert [each.name for each in found] == ["dns", "time", "tls", "api"]
    assert [str(each.verdict) for each in found] == verdicts.split()
    for each in found:
        assert bool(each.advice) == (each.verdict in ("failed", "warning")), each


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        (diagnosing.database(None), "ok"),
        (diagnosing.database("a page is bad"), "failed"),
        (diagnosing.disk(10 * 2**30, 100 * 2**30), "ok"),
        (diagnosing.disk(4 * 2**30, 100 * 2**30), "warning"),
        (diagnosing.disk(199 * 2**20, 2**30), "warning"),
        (diagnosing.disk(49 * 2**20, 2**30), "failed"),
        (diagnosing.undervoltage({}), "skipped"),
        (diagnosing.undervoltage({"is_undervolted": False}), "ok"),
        (diagnosing.undervoltage({"is_undervolted": True}), "failed"),
        (diagnosing.engine("28.0", None), "ok"),
        (diagnosing.engine(None, "nobody answers"), "failed"),
        (diagnosing.broker(None, subscribed=False, fault=None), "skipped"),
        (diagnosing.broker("b:8883", subscribed=True, fault=None), "ok"),
        (diagnosing.broker("b:8883", subscribed=False, fault=None), "warning"),
        (diagnosing.broker("b:8883", subscribed=False, fault="refused"), "failed"),
    ],
)
def test_each_finding(finding, verdict):
    assert finding.verdict == verdict
    assert bool(finding.advice) == (verdict in ("failed", "warning"))


def test_without_an_address_the_way_is_skipped():
    assert {str(each.verdict) for each in diagnosing.cloud(None, "")} == {"skipped"}


FOUND = {
    "uuid": "u", "agentVersion": "1", "at": "now", "ok": False,
    "checks": [
        {"name": "dns", "verdict": "ok", "detail": "fine", "advice": None},
        {"name": "time", "verdict": "failed", "detail": "x\x1b[2J" + "y" * 90, "advice": "set it"},
    ],
}  # fmt: skip


def test_findings_in_words():
    text = shown_checks.findings(FOUND, coloured=False)
    assert text.splitlines()[0] == "dns   ok       fine"
    assert text.splitlines()[2].split() == ["→", "set", "it"]
    assert "\x1b" not in text
    coloured = shown_checks.findings(FOUND, coloured=True)
    assert "\x1b[31mfailed \x1b[0m" in coloured
    assert "\x1b[2J" not in coloured
    assert shown_checks.summary(FOUND).splitlines()[-1].endswith("y" * 5)
    assert len(shown_checks.summary(FOUND)) < 120


@pytest.mark.parametrize("mark", [None, ".dockerenv", "run/.containerenv", "run/systemd/container"])
def test_containers_are_known(tmp_path, mark):
    if mark is not None:
        (tmp_path / mark).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / mark).touch()
    assert in_container(tmp_path) is (mark is not None)


SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="(\\.|[^"\\\n])*"(,[a-z]+="(\\.|[^"\\\n])*")*\})? \S+')


def test_numbers_for_prometheus():
    found = Container(
        id="c", name="n", service_id="s", config_hash="h", image_id="i", state=EngineState.RUNNING
    )
    measures = Measures(
        uuid="u", version='1"\\\n', situation=Situation(world=World(containers=(found,))),
        link="degraded", subscribed=False, registered=True, latency_ms=250.0, looks=7,
        look_seconds=None, looked_ago=1.5, leases=0,
        machine={"cpu_usage": 3.5, "is_undervolted": False, "load": [1, 2, 3]},
    )  # fmt: skip
    text = exposition(measures)
    assert text.endswith("\n")
    for line in text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or SAMPLE.fullmatch(line), line
    for line in (
        'iotistic_agent_info{version="1\\"\\\\\\n",uuid="u"} 1',
        'iotistic_link_state{state="degraded"} 1',
        'iotistic_containers{state="running"} 1',
        'iotistic_containers{state="exited"} 0',
        "iotistic_cloud_latency_seconds 0.25",
        "iotistic_reconcile_looks_total 7",
        "iotistic_machine_is_undervolted 0",
    ):
        assert f"\n{line}\n" in f"\n{text}"
    assert "look_seconds" not in text
    assert "machine_load" not in text
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(names) == len(set(names))
