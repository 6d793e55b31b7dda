"""A machine's own files as the report's ``metrics``; pure. Sources: proc(5), sysfs.

What a machine doesn't tell, or tells in another form, is left out; the rest stands.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

__all__ = ["Interface", "Reading", "metrics_of"]

MB = 2**20
TOP_PROCESSES = 10
_CPU_ZONES = ("cpu", "x86_pkg", "soc", "coretemp", "k10temp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """A network interface; ``state`` is sysfs's ``operstate``."""

    name: str
    mac: str | None = None
    ip4: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Texts of one moment, each None or missing where the machine has no such file.

    ``zones`` are type and temperature of thermal zones, ``processes`` the texts of
    ``/proc/<pid>/stat``, ``storage`` used and total bytes, ``undervolted`` the alarm of the
    Raspberry Pi's voltage sensor.
    """

    stat: str | None = None
    meminfo: str | None = None
    loadavg: str | None = None
    uptime: str | None = None
    zones: tuple[tuple[str, str], ...] = ()
    processes: tuple[str, ...] = ()
    storage: tuple[int, int] | None = None
    interfaces: tuple[Interface, ...] = ()
    undervolted: str | None = None
    page_size: int = 4096


@dataclass(frozen=True, slots=True)
class _Process:
    """Identity (pid, start), ticks of CPU time, and resident pages."""

    pid: int
    start: int
    name: str
    ticks: int
    pages: int


def metrics_of(
    before: Reading | None, now: Reading, network_latency: float | None
) -> dict[str, object]:
    """Return the section; shares of CPU time are those since ``before``.

    Sizes are in MB of 2^20 bytes, times in s, latency in ms, shares in percent: of all cores for
    ``cpu_usage``, of one core for a process.
    """
    memory = _memory(now.meminfo)
    found: dict[str, object] = {
        "cpu_usage": _cpu_usage(before, now),
        "cpu_temp": _temperature(now.zones),
        "memory_usage": None if memory is None else round((memory[1] - memory[0]) / MB),
        "memory_total": None if memory is None else round(memory[1] / MB),
        "storage_usage": None if now.storage is None else round(now.storage[0] / MB),
        "storage_total": None if now.storage is None else round(now.storage[1] / MB),
        "uptime": _uptime(now.uptime),
        "network_latency": None if network_latency is None else round(network_latency, 1),
        "load": _load(now.loadavg),
        "top_processes": _top_processes(before, now, None if memory is None else memory[1]),
        "network_interfaces": _interfaces(now.interfaces),
        "is_undervolted": None if now.undervolted is None else now.undervolted.strip() == "1",
    }
    return {name: value for name, value in found.items() if value is not None}


def _times(stat: str | None) -> tuple[int, int, int] | None:
    """Return busy and all ticks of ``/proc/stat``, and the number of cores."""
    lines = (stat or "").splitlines()
    try:
        name, *words = lines[0].split()
        ticks = [int(word) for word in words[:8]]
    except (IndexError, ValueError):
        return None
    if name != "cpu" or len(ticks) < 4:
        return None
    idle = ticks[3] + (ticks[4] if len(ticks) > 4 else 0)
    cores = sum(1 for line in lines[1:] if line.startswith("cpu"))
    return sum(ticks) - idle, sum(ticks), max(1, cores)


def _cpu_usage(before: Reading | None, now: Reading) -> float | None:
    earlier, later = _times(before.stat if before else None), _times(now.stat)
    if earlier is None or later is None or later[1] <= earlier[1]:
        return None
    share = 100 * (later[0] - earlier[0]) / (later[1] - earlier[1])
    return round(min(100.0, max(0.0, share)), 1)


def _memory(meminfo: str | None) -> tuple[int, int] | None:
    """Return available and total bytes; kernels before 3.14 don't tell what is available."""
    fields: dict[str, int] = {}
    for line in (meminfo or "").splitlines():
        name, _, text = line.partition(":")
        with suppress(ValueError, IndexError):
            fields[name] = int(text.split()[0]) * 1024
    if not fields.get("MemTotal"):
        return None
    guess = sum(fields.get(name, 0) for name in ("MemFree", "Buffers", "Cached"))
    return fields.get("MemAvailable", guess), fields["MemTotal"]


def _temperature(zones: tuple[tuple[str, str], ...]) -> float | None:
    """Return °C of the CPU's zone, else of the first one; zones count in thousandths."""
    named = [zone for zone in zones if any(word in zone[0].lower() for word in _CPU_ZONES)]
    for _, text in named or zones:
        with suppress(ValueError):
            return round(int(text) / 1000, 1)
    return None


def _uptime(text: str | None) -> int | None:
    with suppress(ValueError, IndexError):
        return int(float((text or "").split()[0]))
    return None


def _load(text: str | None) -> list[float] | None:
    with suppress(ValueError):
        loads = [float(word) for word in (text or "").split()[:3]]
        return loads if len(loads) == 3 else None
    return None


def _process(stat: str) -> _Process | None:
    """Read ``pid (name) state …``; a name may hold spaces and parentheses."""
    head, _, rest = stat.rpartition(")")
    pid, _, name = head.partition("(")
    words = rest.split()
    try:
        return _Process(
            int(pid), int(words[19]), name, int(words[11]) + int(words[12]), int(words[21])
        )
    except (ValueError, IndexError):
        return None


def _read(processes: tuple[str, ...]) -> Iterator[_Process]:
    return (process for text in processes if (process := _process(text)) is not None)


def _top_processes(
    before: Reading | None, now: Reading, memory_total: int | None
) -> list[Mapping[str, object]] | None:
    """Return those that use most, CPU time counting a bit more than memory."""
    earlier, later = _times(before.stat if before else None), _times(now.stat)
    if before is None or earlier is None or later is None or later[1] <= earlier[1]:
        return None
    known = {(each.pid, each.start): each.ticks for each in _read(before.processes)}
    per_core = (later[1] - earlier[1]) / later[2]
    rows = []
    for each in _read(now.processes):
        cpu = 100 * (each.ticks - known.get((each.pid, each.start), 0)) / per_core
        memory = 100 * each.pages * now.page_size / memory_total if memory_total else 0.0
        rows.append((0.6 * cpu + 0.4 * memory, each, max(0.0, cpu), memory))
    rows.sort(key=lambda row: (-row[0], row[1].pid))
    return [
        {"pid": each.pid, "name": each.name, "cpu": round(cpu, 1), "memory": round(memory, 1)}
        for rank, each, cpu, memory in islice(rows, TOP_PROCESSES)
        if rank > 0
    ] or None


def _interfaces(interfaces: tuple[Interface, ...]) -> list[Mapping[str, object]] | None:
    """Return all but loopback; ``up`` is None where the driver doesn't tell."""
    return [
        {
            "name": each.name,
            "ip4": each.ip4,
            "mac": each.mac,
            "up": None if each.state in (None, "unknown") else each.state == "up",
        }
        for each in interfaces
        if each.name != "lo"
    ] or None
