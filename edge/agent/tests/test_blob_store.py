"""Blobs on a disk, and the table beside them."""

import hashlib
import os

import pytest

from iotistic_agent.adapters.blob_store import BlobStore
from iotistic_agent.adapters.image_table import ImageTable, LoadedImage, UnderWay
from iotistic_agent.faults import PullFault, PullStopped, WrongDigest
from iotistic_agent.images.manifests import Blob
from iotistic_agent.images.progress import Stop


def blob_of(content: bytes) -> Blob:
    return Blob(f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))


@pytest.fixture
def store(tmp_path) -> BlobStore:
    made = BlobStore(tmp_path / "images", 1000)
    made.prepare()
    return made


def put(store: BlobStore, content: bytes) -> Blob:
    blob = blob_of(content)
    with store.writing(blob, Stop()) as part:
        part.write(content)
        part.finish()
    return blob


def test_a_part_is_gone_on_with_by_the_next_process(store):
    blob = blob_of(b"0123456789")
    with store.writing(blob, Stop()) as part:
        part.write(b"0123")
    again = BlobStore(store.folder, 1000)
    assert again.held(blob) == 4
    with again.writing(blob, Stop()) as part:
        assert part.offset == 4
        part.write(b"456789")
        assert part.whole
        part.finish()
    assert again.path(blob.digest).read_bytes() == b"0123456789"
    with again.writing(blob, Stop()) as part:
        assert part is None
    assert again.path(blob.digest).stat().st_mode & 0o777 == 0o600


def test_what_has_another_digest_is_thrown_away(store):
    blob = blob_of(b"right")
    with store.writing(blob, Stop()) as part:
        part.write(b"wrong")
        with pytest.raises(WrongDigest):
            part.finish()
    assert store.held(blob) == 0


def test_more_than_was_stated_is_thrown_away(store):
    blob = blob_of(b"right")
    with store.writing(blob, Stop()) as part:
        part.write(b"rig")
        with pytest.raises(PullFault, match="larger than the 5 bytes"):
            part.write(b"ht!")
        assert part.offset == 0


def test_a_part_is_written_by_one_thread(store):
    stopped = Stop()
    stopped.stop()
    blob = blob_of(b"x")
    with store.writing(blob, Stop()), pytest.raises(PullStopped), store.writing(blob, stopped):
        pass


def test_room_is_made_by_the_oldest_that_nobody_needs(store):
    old, needed, new = (put(store, bytes([n]) * 300) for n in range(3))
    for age, blob in enumerate((new, needed, old)):
        os.utime(store.path(blob.digest), (1000 - age, 1000 - age))
    store.make_room(400, {needed.digest})
    assert [store.held(each) for each in (old, needed, new)] == [0, 300, 300]
    with pytest.raises(PullFault, match="the store has 400 left: raise IMAGE_STORE_MAX_MB"):
        store.make_room(800, {needed.digest, new.digest})


def test_only_what_is_wanted_stays(store):
    one, two = put(store, b"1"), put(store, b"2")
    store.keep_only({two.digest})
    assert (store.held(one), store.held(two)) == (0, 1)


def test_the_table_survives_and_forgets_what_is_gone(tmp_path):
    ids = [f"sha256:{n:064x}" for n in range(4)]
    image = LoadedImage(ids[2], ids[3])
    table = ImageTable(tmp_path / "images.json")
    table.began("a", UnderWay(image, (ids[0], ids[1])))
    table.began("b", UnderWay(LoadedImage(ids[3], ids[3]), (ids[1],)))
    assert table.loaded("a", image) == (ids[0],)
    again = ImageTable(tmp_path / "images.json")
    assert again.get("a") == image
    assert again.only({"b"}, lambda each: each == image.id) == {ids[1]}
    assert again.get("a") is not None, "the engine has it still: a release may go back to it"
    assert again.only((), lambda _: False) == frozenset()
    assert again.get("a") is None


def test_a_pull_whose_image_is_there_is_noted(tmp_path):
    ids = [f"sha256:{n:064x}" for n in range(3)]
    table = ImageTable(tmp_path / "images.json")
    table.began("a", UnderWay(LoadedImage(ids[0], ids[1]), (ids[2],)))
    assert table.get("a") is None
    assert table.only({"a"}, lambda _: True) == frozenset()
    assert table.get("a") == LoadedImage(ids[0], ids[1])


@pytest.mark.parametrize("content", ["", "[]", '{"loaded": {"a": {"id": "x"}}, "pulls": {}}'])
def test_a_damaged_table_is_an_empty_one(tmp_path, content):
    (tmp_path / "images.json").write_text(content)
    table = ImageTable(tmp_path / "images.json")
    assert table.get("a") is None
    digest = f"sha256:{1:064x}"
    table.loaded("a", LoadedImage(digest, digest))
    assert ImageTable(tmp_path / "images.json").get("a") is not None
