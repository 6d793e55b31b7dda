"""Samples: each goes by a report or by its lane, and reports on dear links are rare."""

import asyncio
from datetime import UTC, datetime, timedelta

from iotistic_agent.loops import measure as module
from iotistic_agent.loops.measure import Measured, measure
from iotistic_agent.metering import Reading
from iotistic_agent.signals import Bell

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_what_no_report_told_goes_by_its_lane():
    measured = Measured()
    assert measured.take(NOW, {"n": 1}) is None
    measured.told({"n": 1})
    assert measured.take(NOW, {"n": 2}) is None, "it was told"
    measured.told({"n": 1})
    later = NOW + timedelta(seconds=1)
    assert measured.take(later, {"n": 3}) == (NOW, {"n": 2})
    measured.told(None)
    assert measured.take(later, {"n": 4}) == (later, {"n": 3})


def test_reports_get_another_sample_every_so_often():
    measured = Measured()
    assert measured.section(0, 100) == {}
    measured.take(NOW, {"n": 1})
    assert measured.section(10, 100) == {"n": 1}
    measured.take(NOW, {"n": 2})
    assert measured.section(109, 100) == {"n": 1}
    assert measured.section(110, 100) == {"n": 2}
    measured.take(NOW, {"n": 3})
    assert measured.section(110, 0) == {"n": 3}


async def test_each_sample_is_shown_and_the_untold_are_kept(monkeypatch):
    monkeypatch.setattr(module, "FIRST_SPAN", 0)
    shown, untold, measured, bell = [], [], Measured(), Bell()
    times = iter(NOW + timedelta(minutes=number) for number in range(1000))
    task = asyncio.create_task(
        measure(
            read=Reading,
            latency=lambda: 5.0,
            more=lambda: {"outbox_waiting": len(shown)},
            measured=measured,
            sampled=lambda at, metrics: shown.append((at, metrics)),
            untold=lambda at, metrics: untold.append((at, metrics)),
            interval=lambda: 0,
            now=lambda: next(times),
            report=bell,
        )
    )
    async with asyncio.timeout(8):
        while len(shown) < 3:
            await asyncio.to_thread(lambda: None)
    task.cancel()
    assert shown[0] == (NOW, {"network_latency": 5.0, "outbox_waiting": 0})
    assert untold[:2] == shown[:2]
    assert bell._event.is_set()
