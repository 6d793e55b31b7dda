"""Every point of every change, in every column: how many end in the old or the new set."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edge.agent.tests.device import Device
from edge.agent.tests.kills import CHANGES, COLUMNS, Disk, points_of, suffer
from edge.agent.tests.tenant import Tenant, make_authority, make_keys, serve
from iotistic_contract.codec import b64u_encode
from tests.bench.figure import Figure
from tests.fixtures.engine import REGISTRY_HOST, Registry, an_engine, push_busybox
from tests.fixtures.images import run_registry

if TYPE_CHECKING:
    from collections.abc import Iterator


def run() -> Iterator[Figure]:
    """Print the matrix, steps by columns, and return the share of each column that held."""
    held = dict.fromkeys(COLUMNS, 0)
    done = dict.fromkeys(COLUMNS, 0)
    with _a_device() as (device, image), Disk(device.folder / "state") as disk:
        for name, change in CHANGES.items():
            points = points_of(device, change, image)
            print(f"\n{name}: {len(points)} points\n{'':4} {'point':24}", *COLUMNS)
            for number, point in enumerate(points, 1):
                words = []
                for column in COLUMNS:
                    outcome = suffer(device, disk, change, image, number, column)
                    if outcome.point is None:
                        words.append("-".ljust(len(column)))
                        continue
                    done[column] += 1
                    held[column] += outcome.holds
                    words.append(("held" if outcome.holds else "LOST").ljust(len(column)))
                print(f"{number:4} {point:24}", *words, flush=True)
    for column in COLUMNS:
        share = 100 * held[column] / max(1, done[column])
        yield Figure(f"agent-kill: {column}, of {done[column]}", share, "%", 100, at_most=False)


@contextmanager
def _a_device() -> Iterator[tuple[Device, str]]:
    with tempfile.TemporaryDirectory(prefix="iot-b-") as name, an_engine() as host:
        folder = Path(name)
        with run_registry(folder, REGISTRY_HOST) as registry, make_authority(folder / "pki") as ca:
            tenant = Tenant(ca, make_keys(), b64u_encode(b"s" * 32))
            tenant.poll_interval_ms = 200
            server = serve(tenant, folder)
            (folder / "image").mkdir()
            (folder / "device").mkdir()
            device = Device(host, tenant, folder / "device")
            try:
                yield device, push_busybox(host, Registry(registry), folder / "image")
            finally:
                device.clean()
                server.shutdown()
                server.server_close()
