"""Pulls from a real registry into a real engine."""

import os
import threading

import pytest

from edge.agent.tests.pulling import Pulling
from iotistic_agent.adapters.image_table import LoadedImage
from iotistic_agent.faults import PullFault, PullMissing, WrongDigest
from iotistic_agent.images import download
from iotistic_agent.images.fetching import fetch
from tests.fixtures.bad_link import bad_link
from tests.fixtures.images import Layer, Writer, busybox_layer, layer, this_machine

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

MIB = 2**20
OTHER = "riscv64"


@pytest.fixture
def writer(registry) -> Writer:
    return Writer(registry.address)


@pytest.fixture
def pulling(docker_engine, tmp_path):
    made = Pulling(docker_engine, tmp_path / "images")
    yield made
    made.clean()


def some(size: int) -> bytes:
    """Bytes that no other layer has, and that can't be compressed."""
    return os.urandom(size)


def image(writer: Writer, name: str, *sizes: int, **options):
    return writer.image(
        name,
        busybox_layer(),
        *(layer({f"f{n}": some(each)}) for n, each in enumerate(sizes)),
        **options,
    )


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_by_tag(pulling, writer, docker):
    pushed = image(writer, "test/tag", 5000, docker=docker)
    pulling.pull(pushed.reference)
    assert pulling.images.find(pushed.reference).id == pushed.config
    assert pulling.id_of(pushed.reference) == pushed.config
    assert pulling.table.get(pushed.reference).digest == pushed.digest
    assert pulling.files() == ["images.json"]
    assert pulling.meter.now.done == pulling.meter.now.total > 5000
    assert pulling.folder.stat().st_mode & 0o777 == 0o700
    assert (pulling.folder / "images.json").stat().st_mode & 0o777 == 0o600


def test_it_runs(pulling, writer):
    pushed = image(writer, "test/runs", 5000)
    pulling.pull(pushed.reference)
    ended = pulling.host.docker(
        "run", "--rm", "--network=none", pushed.reference, "echo", "it runs"
    )
    assert ended == "it runs"


def test_by_digest_it_has_a_name_that_keeps_it(pulling, writer):
    pushed = image(writer, "test/digest", 5000)
    pulling.pull(pushed.by_digest)
    assert pulling.id_of(pushed.by_digest) == pushed.config
    pulling.host.docker("image", "prune", "--force")
    assert pulling.images.find(pushed.config) is not None


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_an_index_gives_this_machines_image(pulling, writer, docker):
    mine, other = (
        image(writer, "test/index", 5000, docker=docker),
        image(writer, "test/index", 6000, tag="other", architecture=OTHER, docker=docker),
    )
    images = {OTHER: other, this_machine(): mine}
    digest = writer.index("test/index", "both", images, docker=docker)
    reference = f"{writer.address}/test/index:both"
    pulling.pull(reference)
    assert pulling.id_of(reference) == mine.config
    assert pulling.table.get(reference).digest == digest


@pytest.mark.parametrize("indexed", [True, False])
def test_another_machines_image_is_refused_before_any_layer(pulling, writer, indexed):
    other = image(writer, "test/wrong", MIB, architecture=OTHER)
    reference = other.reference
    if indexed:
        writer.index("test/wrong", "index", {OTHER: other})
        reference = f"{writer.address}/test/wrong:index"
    with bad_link(writer.address) as link:
        asked = reference.replace(writer.address, link.address)
        with pytest.raises(PullFault, match=f"linux/{OTHER}") as caught:
            pulling.pull(asked)
    assert this_machine() in str(caught.value)
    assert caught.value.type == "pull"
    assert link.passed < 20_000
    assert not any(digest in request for digest in other.layers for request in link.requests)


def test_what_is_not_there_says_so(pulling, writer):
    with pytest.raises(PullMissing, match="has no test/nothing:9"):
        pulling.pull(f"{writer.address}/test/nothing:9")


def test_an_image_that_is_there_costs_its_manifest(pulling, writer):
    pushed = image(writer, "test/there", MIB)
    pulling.pull(pushed.reference)
    with bad_link(writer.address) as link:
        pulling.pull(pushed.reference.replace(writer.address, link.address))
        assert link.passed < 10_000, "the engine knew its configuration"
        before = len(link.requests)
        pulling.pull(pushed.reference.replace(writer.address, link.address))
        again = "".join(link.requests[before:])
        assert again.count("GET ") == 1, "the digest that the tag had"


def test_only_layers_that_the_engine_lacks_come(pulling, writer):
    base, top = layer({"base": some(2 * MIB)}), layer({"top": some(100_000)})
    first = writer.image("test/base", busybox_layer(), base)
    second = writer.image("test/top", busybox_layer(), base, top)
    pulling.pull(first.reference)
    with bad_link(writer.address) as link:
        pulling.pull(second.reference.replace(writer.address, link.address))
    assert link.passed < 150_000
    assert pulling.images.find(second.config) is not None


def test_a_tag_that_moved_is_followed(pulling, writer):
    first = image(writer, "test/moved", 5000)
    pulling.pull(first.reference)
    second = image(writer, "test/moved", 6000)
    pulling.pull(second.reference)
    assert pulling.images.find(second.reference).id == second.config
    pulling.host.docker("rmi", first.config)


def test_a_wrong_digest_is_never_loaded(pulling, writer):
    pushed = image(writer, "test/spoiled", 300_000)
    with bad_link(writer.address) as link:
        link.spoil = lambda chunk: chunk[:-1] + b"\0" if len(chunk) == 16384 else chunk
        with pytest.raises(WrongDigest, match="what came for sha256:"):
            pulling.pull(pushed.reference.replace(writer.address, link.address))
        assert pulling.images.find(pushed.config) is None
        assert all(
            (pulling.folder / name).stat().st_size == 0
            for name in pulling.files()
            if name.removesuffix(".part") == pushed.layers[1].replace(":", "-")
        )
        link.spoil = lambda chunk: chunk
        pulling.pull(pushed.reference.replace(writer.address, link.address))
    assert pulling.images.find(pushed.config) is not None


def test_a_spoiled_manifest_is_refused(pulling, writer):
    pushed = image(writer, "test/manifest", 5000)
    with bad_link(writer.address) as link:
        link.spoil = lambda chunk: chunk.replace(b'"schemaVersion": 2', b'"schemaVersion":  2')[
            : len(chunk)
        ]
        with pytest.raises(WrongDigest, match="for the manifest"):
            pulling.pull(pushed.by_digest.replace(writer.address, link.address))


def test_a_blob_that_rots_on_the_disk_is_fetched_again(pulling, writer):
    pushed = image(writer, "test/rotten", 300_000)
    rotten = pulling.store.path(pushed.layers[1])
    rotten.parent.mkdir()
    rotten.write_bytes(b"x" * 300_000)
    with pytest.raises(WrongDigest, match="damaged on the disk"):
        pulling.pull(pushed.reference)
    assert pulling.images.find(pushed.config) is None
    pulling.pull(pushed.reference)
    assert pulling.images.find(pushed.config) is not None


def test_an_end_between_loading_and_noting_is_made_up_for(pulling, writer, monkeypatch):
    pushed = image(writer, "test/ended", 5000)

    def ends(*_words) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pulling.table, "loaded", ends)
    with pytest.raises(KeyboardInterrupt):
        pulling.pull(pushed.by_digest)
    pulling.open()
    pulling.puller.collect({pushed.by_digest})
    assert pulling.table.get(pushed.by_digest) == LoadedImage(pushed.config, pushed.digest)
    assert pulling.files() == ["images.json"]


def test_three_blobs_come_at_once(pulling, writer, monkeypatch):
    pushed = writer.image("test/many", *(layer({f"f{n}": some(300_000)}) for n in range(6)))
    three, now, most = threading.Barrier(3, timeout=20), [], []

    def fetched(registry, repository, part, stop, moved) -> None:
        if part.blob.size > 100_000:
            now.append(part)
            three.wait()
            most.append(len(now))
            three.wait()
            now.remove(part)
        fetch(registry, repository, part, stop, moved)

    monkeypatch.setattr(download, "fetch", fetched)
    pulling.pull(pushed.reference)
    assert most == [3] * 6


def test_what_the_engine_will_not_load_says_so(pulling, writer):
    lies = Layer(layer({"f": some(5000)}).content, f"sha256:{'1' * 64}")
    pushed = writer.image("test/lies", lies)
    with pytest.raises(PullFault, match="engine can't load the image: invalid diffID"):
        pulling.pull(pushed.reference)
    assert pulling.images.find(pushed.config) is None
    assert pulling.id_of(pushed.reference) is None


def test_a_short_name_is_docker_hubs(docker_engine, writer, tmp_path):
    pulling = Pulling(
        docker_engine, tmp_path / "images", REGISTRY_MIRRORS=f"http://{writer.address}"
    )
    pushed = writer.image("library/iot-short", layer({"f": some(5000)}))
    pulling.pull(f"iot-short@{pushed.digest}")
    tag = pushed.digest.replace(":", "-")
    assert pulling.images.find(f"iot-short:{tag}").id == pushed.config
    pulling.clean()
