"""Images and small disks: a tmpfs is the store's."""

import os
import subprocess
import threading

import pytest

from edge.agent.tests.pulling import Pulling
from iotistic_agent.faults import PullFault
from iotistic_agent.images import fetching
from tests.fixtures.bad_link import bad_link
from tests.fixtures.images import Writer, layer

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk"),
]

MIB = 2**20


@pytest.fixture
def pushed(registry):
    """An image of 12 MiB that nobody has."""
    return Writer(registry.address).image("test/large", layer({"f": os.urandom(12 * MIB)}))


@pytest.fixture
def disk(tmp_path):
    """Mount a small disk, and unmount it."""
    folder = tmp_path / "images"
    folder.mkdir()

    def mount(megabytes: int):
        options = ["-o", f"size={megabytes}m"]
        subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], check=True)
        return folder

    yield mount
    subprocess.run(["umount", str(folder)], check=True)


def test_what_does_not_fit_is_refused_before_it_is_downloaded(
    docker_engine, registry, pushed, disk
):
    pulling = Pulling(docker_engine, disk(20))
    with bad_link(registry.address) as link:
        with pytest.raises(
            PullFault, match=r"too little room on the disk of .*images: about 30 MB"
        ):
            pulling.pull(pushed.reference.replace(registry.address, link.address))
        assert link.passed < 20_000


def test_a_disk_that_fills_up_says_so_and_the_pull_goes_on_later(
    docker_engine, registry, pushed, disk, monkeypatch
):
    monkeypatch.setattr(fetching, "_PAUSE", 0.0)
    pulling = Pulling(docker_engine, disk(48))
    faults: list[str] = []

    with bad_link(registry.address) as link:
        reference = pushed.reference.replace(registry.address, link.address)

        def pull() -> None:
            with pytest.raises(PullFault) as caught:
                pulling.pull(reference)
            faults.append(str(caught.value))

        link.hold_after = 4 * MIB
        thread = threading.Thread(target=pull)
        thread.start()
        assert link.held.wait(20)
        (pulling.folder / "filler").write_bytes(bytes(42 * MIB))
        link.hold_after = None
        link.cut()
        thread.join(20)
        assert len(faults) == 1
        assert faults[0].startswith("no space left for images in")
        (pulling.folder / "filler").unlink()
        pulling.pull(reference)
        assert link.passed <= 1.05 * pushed.size
    assert pulling.id_of(reference) == pushed.config
    pulling.clean()


def test_a_store_that_may_not_grow_so_far_says_which_setting(docker_engine, pushed, tmp_path):
    pulling = Pulling(docker_engine, tmp_path / "images", IMAGE_STORE_MAX_MB="4")
    with pytest.raises(PullFault, match="raise IMAGE_STORE_MAX_MB"):
        pulling.pull(pushed.reference)
