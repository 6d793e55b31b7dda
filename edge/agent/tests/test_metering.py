"""Parsing of recorded /proc and /sys texts, and of this machine's own."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from iotistic_agent.adapters.machine import Machine
from iotistic_agent.adapters.store import StoredTarget
from iotistic_agent.configuration import configuration
from iotistic_agent.metering import Interface, Reading, metrics_of
from iotistic_agent.settings import from_environment

# Recorded on a Raspberry Pi 4 (four cores), two looks one second apart; shortened.
PI_BEFORE = Reading(
    stat="cpu  10000 20 5000 80000 1000 0 100 0 0 0\n"
    "cpu0 1 1 1 1 1 1 1 0 0 0\ncpu1 1 1 1 1 1 1 1 0 0 0\n"
    "cpu2 1 1 1 1 1 1 1 0 0 0\ncpu3 1 1 1 1 1 1 1 0 0 0\nintr 9 0 0\nctxt 7\n",
    processes=(
        "612 (dockerd) S 1 612 612 0 -1 4194560 9 0 0 0 1000 500 0 0 20 0 14 0 800 1 20480 9",
    ),
)
PI = Reading(
    stat="cpu  10090 20 5010 80280 1010 0 110 0 0 0\n"
    "cpu0 1 1 1 1 1 1 1 0 0 0\ncpu1 1 1 1 1 1 1 1 0 0 0\n"
    "cpu2 1 1 1 1 1 1 1 0 0 0\ncpu3 1 1 1 1 1 1 1 0 0 0\nintr 9 0 0\nctxt 7\n",
    meminfo="MemTotal:        3884448 kB\nMemFree:         2000000 kB\n"
    "MemAvailable:    2884448 kB\nBuffers:           50000 kB\nCached:           700000 kB\n",
    loadavg="0.52 0.58 0.59 1/212 3214\n",
    uptime="350735.47 1234321.09\n",
    zones=(("gpu-thermal", "60000"), ("cpu-thermal", "48312")),
    processes=(
        "612 (dockerd) S 1 612 612 0 -1 4194560 9 0 0 0 1040 510 0 0 20 0 14 0 800 1 20480 9",
        "99 (a) b (c) R 1 99 99 0 -1 4194560 9 0 0 0 5 5 0 0 20 0 1 0 350000 1 256 9",
        "7 (kworker/0:1) I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 12 0 0 9",
        "nonsense",
    ),
    storage=(5 * 2**30, 30 * 2**30),
    interfaces=(
        Interface(name="lo", mac="00:00:00:00:00:00", ip4="127.0.0.1", state="unknown"),
        Interface(name="eth0", mac="dc:a6:32:00:00:01", ip4="192.0.2.7", state="up"),
        Interface(name="wlan0", mac="dc:a6:32:00:00:02", state="down"),
        Interface(name="tun0", ip4="10.8.0.2", state="unknown"),
    ),
    undervolted="1\n",
)


def test_a_raspberry_pi():
    assert metrics_of(PI_BEFORE, PI, 12.345) == {
        "cpu_usage": 27.5,
        "cpu_temp": 48.3,
        "memory_usage": 977,
        "memory_total": 3793,
        "storage_usage": 5120,
        "storage_total": 30720,
        "uptime": 350735,
        "network_latency": 12.3,
        "load": [0.52, 0.58, 0.59],
        "top_processes": [
            {"pid": 612, "name": "dockerd", "cpu": 50.0, "memory": 2.1},
            {"pid": 99, "name": "a) b (c", "cpu": 10.0, "memory": 0.0},
        ],
        "network_interfaces": [
            {"name": "eth0", "ip4": "192.0.2.7", "mac": "dc:a6:32:00:00:01", "up": True},
            {"name": "wlan0", "ip4": None, "mac": "dc:a6:32:00:00:02", "up": False},
            {"name": "tun0", "ip4": "10.8.0.2", "mac": None, "up": None},
        ],
        "is_undervolted": True,
    }


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({"stat": None}, {"cpu_usage", "top_processes"}),
        ({"stat": "cpu  1 2 3\n"}, {"cpu_usage", "top_processes"}),
        ({"stat": PI_BEFORE.stat}, {"cpu_usage", "top_processes"}),
        ({"stat": "intr 5\n"}, {"cpu_usage", "top_processes"}),
        ({"meminfo": None}, {"memory_usage", "memory_total"}),
        ({"meminfo": "MemTotal: many kB\n"}, {"memory_usage", "memory_total"}),
        ({"loadavg": ""}, {"load"}),
        ({"loadavg": "1.0 2.0"}, {"load"}),
        ({"uptime": "soon"}, {"uptime"}),
        ({"zones": ()}, {"cpu_temp"}),
        ({"zones": (("cpu-thermal", "hot"),)}, {"cpu_temp"}),
        ({"storage": None}, {"storage_usage", "storage_total"}),
        ({"processes": ()}, {"top_processes"}),
        ({"interfaces": ()}, {"network_interfaces"}),
        ({"undervolted": None}, {"is_undervolted"}),
    ],
)
def test_what_is_missing_or_odd_is_left_out_alone(change, gone):
    whole = metrics_of(PI_BEFORE, PI, 1.0)
    assert whole.keys() - metrics_of(PI_BEFORE, replace(PI, **change), 1.0).keys() == gone


def test_the_first_look_has_no_shares():
    assert metrics_of(None, PI, None).keys() == metrics_of(PI_BEFORE, PI, 1.0).keys() - {
        "cpu_usage",
        "top_processes",
        "network_latency",
    }


@pytest.mark.parametrize(
    ("zones", "degrees"),
    [
        ((("acpitz", "27800"), ("x86_pkg_temp", "55000")), 55.0),
        ((("acpitz", "27800"),), 27.8),
        ((("soc-thermal", "-1500"),), -1.5),
    ],
)
def test_the_cpus_zone_before_others(zones, degrees):
    assert metrics_of(None, Reading(zones=zones), None) == {"cpu_temp": degrees}


def test_memory_of_old_kernels():
    text = "MemTotal: 1048576 kB\nMemFree: 524288 kB\nBuffers: 1024 kB\nCached: 1024 kB\n"
    assert metrics_of(None, Reading(meminfo=text), None)["memory_usage"] == 510


def test_a_process_with_a_pid_used_again_counts_from_its_own_start():
    again = PI.processes[0].replace(" 800 ", " 900 ")
    [top] = metrics_of(PI_BEFORE, replace(PI, processes=(again,)), None)["top_processes"]
    assert top["cpu"] == 1550.0


def test_this_machine(tmp_path):
    machine = Machine(tmp_path)
    before = machine.read()
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    found = metrics_of(before, machine.read(), 3.0)
    assert found.keys() >= {
        "cpu_usage", "memory_usage", "memory_total", "storage_usage", "storage_total", "uptime",
        "network_latency", "load", "top_processes",
    }  # fmt: skip
    assert 0 < found["cpu_usage"] <= 100
    assert 0 < found["memory_usage"] < found["memory_total"]
    assert found["memory_total"] == round(
        os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20
    )
    disk = os.statvfs(tmp_path)
    assert found["storage_total"] == round(disk.f_blocks * disk.f_frsize / 2**20)
    assert any(text.startswith(f"{os.getpid()} (") for text in before.processes)
    assert 0 < len(found["top_processes"]) <= 10
    assert machine.system()["cpuCores"] == os.cpu_count()


def test_a_machine_that_shows_nothing(tmp_path):
    machine = Machine(tmp_path / "gone", root=tmp_path)
    read = machine.read()
    assert replace(read, interfaces=()) == Reading(page_size=os.sysconf("SC_PAGE_SIZE"))
    assert "model" not in machine.system()
    assert machine.reboot_required() is False
    assert machine.patch_level() is None


def test_files_below_a_root(tmp_path):
    def put(path: str, text: str) -> None:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    put("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
    put("sys/class/thermal/thermal_zone0/temp", "41000\n")
    put("sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    put("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0\n")
    put("sys/class/net/eth9/address", "DC:A6:32:00:00:01\n")
    put("sys/class/net/eth9/operstate", "down\n")
    put("sys/class/net/eth9/device/uevent", "")
    put("sys/class/net/veth1/address", "aa:a6:32:00:00:01\n")
    put("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")
    put("run/reboot-required", "")
    put("etc/debian_version", "12.11\n")
    machine = Machine(Path("/nowhere"), root=tmp_path)
    assert metrics_of(None, machine.read(), None) == {
        "cpu_temp": 41.0,
        "network_interfaces": [
            {"name": "eth9", "ip4": None, "mac": "dc:a6:32:00:00:01", "up": False}
        ],
        "is_undervolted": False,
    }
    assert machine.system()["model"] == "Raspberry Pi 4 Model B Rev 1.4"
    assert machine.reboot_required() is True
    assert machine.patch_level() == "12.11"


def configured(settings, profile=None, **environment):
    config = {"settings": settings, "linkProfile": profile}
    document = {"schema": 1, "version": 1, "apps": {}, "config": config}
    stored = StoredTarget(etag='"1-a"', version=1, document=document)
    return configuration(stored, from_environment(environment)).metrics_ms


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (configured({}), 60_000),
        (configured({}, "lte"), 300_000),
        (configured({}, "metered"), 3_600_000),
        (configured({}, "metered", METRICS_INTERVAL_MS="2000"), 2000),
        (configured({"metricsIntervalMs": 5000}, METRICS_INTERVAL_MS="2000"), 5000),
    ],
)
def test_how_often(found, wanted):
    assert found == wanted
