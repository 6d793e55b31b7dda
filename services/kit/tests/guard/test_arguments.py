"""What iotistic-guard is told, and what it tells of itself."""

import subprocess
import sys

import pytest

CODES = [
    (["sh", "-c", "exit 3"], 3, ""),
    (["sh", "-c", "kill -TERM $$"], 143, ""),
    (["/nowhere/program"], 127, "can't run /nowhere/program: No such file or directory"),
    (["/etc/passwd"], 126, "can't run /etc/passwd: Permission denied"),
]


@pytest.mark.parametrize(("command", "code", "message"), CODES)
def test_it_exits_as_the_command_did(story, command, code, message):
    guard = story.start(command=command)
    assert (guard.wait(), message in guard.communicate()[1]) == (code, True)


WRONG = [
    (["--colour", "red"], "unknown option --colour"),
    (["--grace"], "--grace takes a value"),
    (["--grace", "soon", "--", "true"], "--grace soon"),
    (["--stop-signal", "KILL", "--", "true"], "--stop-signal KILL: nothing that it takes"),
    (["--beat-fd", "77", "--", "true"], "--beat-fd 77: Bad file descriptor"),
    (["--env-file", "/nowhere", "--", "true"], "can't read /nowhere: No such file or directory"),
    (["--lock", "/proc/nowhere/lock", "--", "true"], "can't open the lock"),
    (["--"], "no command"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_arguments_are_named_and_nothing_is_started(story, arguments, message):
    done = subprocess.run([*story.program, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, message in done.stderr) == (2, "", True)
    assert "Traceback" not in done.stderr


def test_help_is_no_fault(story):
    done = subprocess.run([*story.program, "--help"], capture_output=True, text=True, check=True)
    assert "--beat-timeout" in done.stdout


def test_the_environment_files_values_stand_as_they_are(story, tmp_path):
    (tmp_path / "a.env").write_text("# comment\n\nA=1 = '2' $X\nB=first\n")
    (tmp_path / "b.env").write_text("B=second\n")
    guard = story.start(
        "--env-file",
        str(tmp_path / "a.env"),
        "--env-file",
        str(tmp_path / "b.env"),
        "--site",
        "0a1b2c3d",
        command=["sh", "-c", 'echo "$A|$B|$IOTISTIC_SITE"'],
    )
    assert guard.communicate()[0] == "1 = '2' $X|second|0a1b2c3d\n"


@pytest.mark.parametrize("line", ["no-equals-hidden", "BAD NAME=hidden", "1A=hidden"])
def test_a_wrong_line_is_named_by_its_number_alone(story, tmp_path, line):
    (tmp_path / "a.env").write_text(f"A=1\n{line}\n")
    guard = story.start("--env-file", str(tmp_path / "a.env"), command=["true"])
    assert guard.wait() == 2
    errors = guard.communicate()[1]
    assert "a.env:2: a line is NAME=value" in errors
    assert "hidden" not in errors


def test_it_loads_nothing_that_is_slow_to_load():
    told = (
        "import sys; before = set(sys.modules); import iotistic_kit.guard; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {
        "__future__",
        "_ctypes",
        "_struct",
        "_collections",
        "_functools",
        "_operator",
        "_typing",
        "_weakrefset",
        "collections",
        "contextlib",
        "copyreg",
        "ctypes",
        "enum",
        "fcntl",
        "functools",
        "iotistic_kit",
        "itertools",
        "keyword",
        "operator",
        "re",
        "reprlib",
        "select",
        "signal",
        "struct",
        "types",
        "typing",
        "_sre",
        "_signal",
        "heapq",
        "_heapq",
        "time",
        "abc",
        "weakref",
        "warnings",
    }
