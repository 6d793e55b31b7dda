"""Logs: their last lines, and what is added while the supervisor puts new files in their places."""

from __future__ import annotations

from contextlib import ExitStack, closing

import pytest

from tools.demo.logs import Tail, last_lines


@pytest.fixture
def follow():
    with ExitStack() as stack:
        yield lambda path, offset: stack.enter_context(closing(Tail.at(path, offset)))


@pytest.mark.parametrize("count", [0, 1, 3, 500, 20000])
def test_the_last_lines_of_a_log(tmp_path, count):
    path = tmp_path / "a.log"
    lines = [f"line {number} {'x' * 20}".encode() for number in range(10000)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    found, end = last_lines(path, count)
    assert found == (lines[-count:] if count else [])
    assert end == path.stat().st_size


def test_an_empty_log(tmp_path):
    (tmp_path / "a.log").touch()
    assert last_lines(tmp_path / "a.log", 20) == ([], 0)


def test_a_log_is_followed_through_a_new_file(tmp_path, follow):
    path = tmp_path / "a.log"
    path.write_bytes(b"old\nbeg")
    tail = follow(path, 4)
    assert list(tail.news()) == []
    with path.open("ab") as file:
        file.write(b"un\nlast\n")
    path.rename(tmp_path / "a.log.1")
    path.write_bytes(b"first\n")
    assert list(tail.news()) == [b"begun", b"last", b"first"]
    path.unlink()
    assert list(tail.news()) == []
    path.write_bytes(b"again\n")
    assert list(tail.news()) == [b"again"]


def test_a_log_that_goes_away_while_it_is_looked_at_is_followed_further(
    tmp_path, follow, monkeypatch
):
    path = tmp_path / "a.log"
    path.write_bytes(b"old\n")
    tail = follow(path, 0)
    path.rename(tmp_path / "a.log.1")
    path.write_bytes(b"lost\n")

    def gone(*_):  # after it was found, before it is opened
        raise FileNotFoundError

    with monkeypatch.context() as patch:
        patch.setattr(type(path), "open", gone)
        assert list(tail.news()) == [b"old"]
    path.unlink()
    path.write_bytes(b"new\n")
    assert list(tail.news()) == [b"new"]


def test_a_log_that_is_emptied_is_read_from_its_beginning(tmp_path, follow):
    path = tmp_path / "a.log"
    path.write_bytes(b"a long line\n")
    tail = follow(path, 12)
    path.write_bytes(b"new\n")
    assert list(tail.news()) == [b"new"]
