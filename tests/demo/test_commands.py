"""What `./run demo` makes of its arguments, before anything runs."""

from __future__ import annotations

import pytest

from tools.demo.__main__ import action_from, main
from tools.demo.browser import split

ACTIONS = [
    ([], "up", []),
    (["up", "-C"], "up", ["-C"]),
    (["destroy"], "destroy", []),
    (["destroy", "--check"], "destroy", ["--check"]),
    (["--limit", "destroy"], "up", ["--limit", "destroy"]),
    (["--tags", "up", "destroy"], "up", ["--tags", "up", "destroy"]),
    (["logs", "-f", "acme"], "logs", ["-f", "acme"]),
    (["open", "acme", "--", "--headless"], "open", ["acme", "--", "--headless"]),
]
WITHOUT_A_SITE = [
    ["status"], ["status", "--json"], ["logs"], ["logs", "acme"], ["open"], ["open", "billing"],
    ["break", "agent"], ["stop"], ["start"],
]  # fmt: skip
REFUSED = [
    ["destory"], ["status", "--yaml"], ["logs", "-n", "many"], ["break", "everything"],
    ["break", "agent", "--readmit"], ["open", "acme", "globex"], ["stop", "now"],
]  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with the place of a site in it; stop and start find themselves guarded."""
    monkeypatch.setenv("IOTISTIC_STATE", str(tmp_path / "site"))
    monkeypatch.setenv("IOTISTIC_NET", "127.79.1.0/24")
    monkeypatch.setenv("IOTISTIC_GUARD_LOCK", str(tmp_path / ".site.lock"))
    return tmp_path


def run_demo(*arguments):
    try:
        return main(arguments)
    except SystemExit as end:  # argparse's
        return end.code


@pytest.mark.parametrize(("arguments", "action", "passed"), ACTIONS)
def test_the_command_is_the_first_argument_or_up(arguments, action, passed):
    assert action_from(arguments) == (action, passed)


def test_what_follows_two_dashes_is_the_browsers():
    assert split(["acme", "--", "--a", "--", "b"]) == (["acme"], ["--a", "--", "b"])
    assert split(["acme"]) == (["acme"], [])
    assert split(["--", "--a"]) == ([], ["--a"])


@pytest.mark.parametrize("arguments", WITHOUT_A_SITE, ids=" ".join)
def test_without_a_site_it_says_so_and_makes_nothing(folder, capsys, arguments):
    assert run_demo(*arguments) == 3
    told = f"demo: no site is at {folder}/site: ./run demo makes one\n"
    assert capsys.readouterr() == ("", told)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_what_makes_no_sense_is_refused_and_begins_nothing(folder, capsys, arguments):
    assert run_demo(*arguments) == 2
    assert "usage" in "".join(capsys.readouterr())
    assert list(folder.iterdir()) == []


def test_faults_are_listed_without_a_site(folder, capsys):
    assert run_demo("break", "list") == 0
    told = capsys.readouterr().out
    names = [line.split()[0] for line in told.splitlines()[2:]]
    assert names == ["container", "agent", "broker", "database", "image", "revoke"]
    assert run_demo("break") == 0
    assert capsys.readouterr().out == told
