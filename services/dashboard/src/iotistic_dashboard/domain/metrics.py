"""Metrics as charts and as a table that says the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Any

from iotistic_dashboard.domain.words import moment, number, size

__all__ = ["HOURS", "Chart", "Summary", "charts", "columns"]

HOURS = (1, 6, 24)
_KNOWN = {
    "cpu_usage": ("Processor", "%"),
    "memory_usage": ("Memory in use", "MiB"),
    "memory_total": ("Memory there is", "MiB"),
    "storage_usage": ("Storage in use", "MiB"),
    "storage_total": ("Storage there is", "MiB"),
    "cpu_temp": ("Temperature", "°C"),
    "network_latency": ("Time to the cloud", "ms"),
    "uptime": ("Uptime", "s"),
}
_DRAWN = ("cpu_usage", "memory_usage", "storage_usage", "cpu_temp", "network_latency")
_OMITTED = frozenset({"memory_total", "storage_total", "uptime"})


@dataclass(frozen=True, slots=True)
class Summary:
    """The last, least, mean and greatest value, as text."""

    last: str
    least: str
    mean: str
    most: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One metric over time."""

    name: str
    title: str
    unit: str
    summary: Summary


def charts(series: Mapping[str, Sequence[Sequence[Any]]]) -> list[Chart]:
    """Return what can be drawn, the common metrics first."""
    order = [name for name in _DRAWN if series.get(name)]
    order += sorted(name for name in series if name not in _KNOWN and series[name])
    return [_chart(name, series[name]) for name in order if name not in _OMITTED]


def columns(pairs: Sequence[Sequence[Any]]) -> tuple[list[float], list[float]]:
    """Return times (seconds since 1970) and values, as the chart takes them."""
    read = [(moment(at), value) for at, value in pairs]
    kept = [(at.timestamp(), value) for at, value in read if isinstance(at, datetime)]
    return [at for at, _ in kept], [value for _, value in kept]


def _chart(name: str, pairs: Sequence[Sequence[Any]]) -> Chart:
    title, unit = _KNOWN.get(name, (name.replace("_", " ").capitalize(), ""))
    values = [float(value) for _, value in pairs]

    def say(value: float) -> str:
        if unit == "MiB":
            return size(value)
        return f"{number(value)} {unit}".strip()

    summary = Summary(
        last=say(values[-1]), least=say(min(values)), mean=say(fmean(values)), most=say(max(values))
    )
    return Chart(name=name, title=title, unit=unit, summary=summary)
