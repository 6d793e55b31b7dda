"""Pulls over links that cut, stall and lie; the registry and the engine are real."""

import gzip
import os
import threading
import urllib.request

import pytest

from edge.agent.tests.pulling import Pulling
from iotistic_agent.adapters import registry_http
from iotistic_agent.adapters.registry import Registry
from iotistic_agent.adapters.registry_http import RegistryHttp
from iotistic_agent.faults import PullFault, PullStopped, RegistryUnavailable
from iotistic_agent.images import fetching
from iotistic_agent.images.manifests import Blob
from iotistic_agent.images.places import Place
from iotistic_agent.images.progress import Stop
from tests.fixtures.bad_link import bad_link
from tests.fixtures.images import Layer, Writer, digest, layer, run_registry

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

MIB = 2**20


@pytest.fixture
def pulling(docker_engine, tmp_path):
    made = Pulling(docker_engine, tmp_path / "images")
    yield made
    made.clean()


@pytest.fixture
def pushed(registry):
    """An image of 12 MiB in two layers that nobody has."""
    layers = [layer({f"f{n}": os.urandom(6 * MIB)}) for n in range(2)]
    return Writer(registry.address).image("test/large", *layers)


@pytest.fixture
def link(registry):
    with bad_link(registry.address) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(fetching, "_PAUSE", 0.0)


def through(link, pushed) -> str:
    name = pushed.reference.partition("/")[2]
    return f"{link.address}/{name}"


def test_twenty_cuts_cost_five_percent_at_most(pulling, pushed, link):
    link.cut_every, link.cuts = pushed.size // 21, 20
    while True:
        try:
            pulling.pull(through(link, pushed))
        except RegistryUnavailable:
            pulling.open()
        else:
            break
    assert link.done == 20
    assert pulling.images.find(pushed.config) is not None
    assert link.passed <= 1.05 * pushed.size


def test_what_is_cut_for_good_says_so_and_keeps_what_came(pulling, pushed, link):
    link.cut_every, link.cuts = 100_000, 10**9
    with pytest.raises(RegistryUnavailable, match=link.address):
        pulling.pull(through(link, pushed))
    kept = sum((pulling.folder / name).stat().st_size for name in pulling.files() if "part" in name)
    assert kept == pulling.meter.now.done > 0


def test_without_ranges_a_blob_begins_anew(pulling, pushed, link):
    link.without_ranges = True
    link.cut_every, link.cuts = 4 * MIB, 1
    while pulling.images.find(pushed.config) is None:
        try:
            pulling.pull(through(link, pushed))
        except RegistryUnavailable:
            assert link.done == 1
    assert link.passed > 1.05 * pushed.size
    assert pulling.meter.now.done == pulling.meter.now.total == pushed.size


def test_silence_ends_the_try(pulling, pushed, link, monkeypatch):
    monkeypatch.setattr(registry_http, "_SILENCE", 0.5)
    link.hold_after = 0
    with pytest.raises(RegistryUnavailable, match="silent"):
        pulling.pull(through(link, pushed))


def test_next_to_nothing_is_as_good_as_silence(pulling, pushed, link, monkeypatch):
    monkeypatch.setattr(registry_http, "_WINDOW", 0.0)
    monkeypatch.setattr(registry_http, "_LEAST_IN_WINDOW", 10**9)
    with pytest.raises(RegistryUnavailable, match="next to nothing"):
        pulling.pull(through(link, pushed))


def test_a_pull_that_hangs_stops_when_told(pulling, pushed, link):
    link.hold_after = 0
    told = []

    def pull() -> None:
        with pytest.raises(PullStopped):
            pulling.pull(through(link, pushed))
        told.append("stopped")

    thread = threading.Thread(target=pull)
    thread.start()
    assert link.held.wait(20)
    pulling.stop.stop()
    thread.join(5)
    assert told == ["stopped"]


def test_more_than_the_manifest_says_is_thrown_away(pulling, pushed, link, registry):
    pulling.store.prepare()
    real = pushed.layers[0]
    blob = Blob(real, 1000)
    sources_registry = registry_of(pulling, link)
    with (
        pulling.store.writing(blob, Stop()) as part,
        pytest.raises(PullFault, match="larger than the 1000 bytes"),
    ):
        fetching.fetch(sources_registry, "test/large", part, Stop(), pulling.meter.moved)
    assert pulling.store.held(blob) == 0
    assert link.passed < MIB


def registry_of(pulling, link):
    http = RegistryHttp(pulling.settings, Stop())
    return Registry(Place(link.address, ("http",), link.address), http, Stop(), None, frozenset())


def test_a_mirror_gives_the_blobs_and_the_registry_says_what_a_tag_is(
    docker_engine, pushed, registry, tmp_path
):
    writer = Writer(registry.address)
    with run_registry(tmp_path, "127.77.5.5") as mirror, bad_link(mirror) as near:
        stale = Writer(mirror).image("test/large", layer({"old": b"old"}))
        Writer(mirror).image("test/large", *copies(writer, pushed), tag="copy")
        with bad_link(registry.address) as far:
            pulling = Pulling(
                docker_engine, tmp_path / "images", REGISTRY_MIRRORS=f"http://{near.address}"
            )
            reference = through(far, pushed)
            pulling.pull(reference)
            assert pulling.id_of(reference) == pushed.config != stale.config
            assert far.passed < 20_000
            assert near.passed > pushed.size
    pulling.clean()


def copies(writer, pushed):
    """The layers of an image, as the registry has them."""
    for each in pushed.layers:
        address = f"http://{writer.address}/v2/test/large/blobs/{each}"
        content = urllib.request.urlopen(address).read()
        yield Layer(content, digest(gzip.decompress(content)))


def test_without_the_registry_the_mirror_says_what_a_tag_is(
    docker_engine, pushed, registry, tmp_path
):
    pulling = Pulling(
        docker_engine, tmp_path / "images", REGISTRY_MIRRORS=f"http://{registry.address}"
    )
    reference = "127.77.5.9:1/test/large:1"
    pulling.pull(reference)
    assert pulling.id_of(reference) == pushed.config
    pulling.clean()


def test_a_mirror_that_lacks_it_or_is_down_or_lies_is_passed_over(
    docker_engine, pushed, registry, tmp_path
):
    with run_registry(tmp_path, "127.77.5.5") as empty, bad_link(registry.address) as lying:
        lying.spoil = lambda chunk: chunk[:-1] + b"\0" if len(chunk) == 16384 else chunk
        mirrors = f"http://127.77.5.9:1,http://{empty},http://{lying.address}"
        pulling = Pulling(docker_engine, tmp_path / "images", REGISTRY_MIRRORS=mirrors)
        pulling.pull(pushed.by_digest)
        assert pulling.id_of(pushed.by_digest) == pushed.config
        assert lying.passed > pushed.size // 2
    pulling.clean()


def test_a_part_that_a_power_cut_tore_is_had_again(pulling, pushed):
    pulling.store.prepare()
    for each, length in zip(pushed.layers, (MIB, 20 * MIB), strict=True):
        part = pulling.store.path(each).with_suffix(".part")
        part.write_bytes(bytes(length))
    pulling.pull(pushed.reference)
    assert pulling.id_of(pushed.reference) == pushed.config
