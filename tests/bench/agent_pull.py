"""What a pull of 200 MB over a link that is cut 20 times costs: bytes and memory."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from edge.agent.tests.pulling import Pulling
from iotistic_agent.faults import RegistryUnavailable
from tests.bench.figure import Figure
from tests.fixtures.bad_link import bad_link
from tests.fixtures.engine import REGISTRY_HOST, DockerHost, an_engine
from tests.fixtures.images import Writer, layer, run_registry

LAYERS, LAYER_BYTES, CUTS = 4, 50_000_000, 20
MEGABYTE = 10**6


def run() -> list[Figure]:
    """Return the bytes over the link by those of the image, and the most memory that it took."""
    with tempfile.TemporaryDirectory(prefix="iot-b-") as name, an_engine() as host:
        folder = Path(name)
        with (
            run_registry(folder, REGISTRY_HOST) as registry,
            bad_link(registry) as link,
        ):
            layers = (layer({f"f{n}": os.urandom(LAYER_BYTES)}) for n in range(LAYERS))
            pushed = Writer(registry).image("bench/pull", *layers)
            link.cut_every, link.cuts = pushed.size // (CUTS + 1), CUTS
            reference = f"{link.address}/bench/pull:1"
            with ProcessPoolExecutor(1, get_context("spawn")) as alone:
                grown = alone.submit(pull, host.socket, folder / "store", reference).result()
            loaded = host.docker("image", "inspect", "--format", "{{.Id}}", reference)
            if (loaded, link.done) != (pushed.config, CUTS):
                raise RuntimeError(f"{loaded} was loaded after {link.done} cuts")
    return [
        Figure(
            "agent-pull: bytes of 200 MB cut 20 times", link.passed / pushed.size, "times", 1.05
        ),
        Figure("agent-pull: memory that the pull took", grown / MEGABYTE, "MB", 8.0),
    ]


def pull(socket: Path, store: Path, reference: str) -> int:
    """Pull in this process, trying again at each cut; returns the growth at its peak in bytes."""
    pulling = Pulling(DockerHost(socket), store)
    before = _memory("VmRSS")
    while True:
        try:
            pulling.pull(reference)
        except RegistryUnavailable:
            pulling.open()
        else:
            return _memory("VmHWM") - before


def _memory(name: str) -> int:
    """Return a line of this process's status, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(each.split()[1]) * 1024 for each in lines if each.startswith(name))
