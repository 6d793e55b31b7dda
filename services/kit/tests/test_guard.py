"""iotistic-guard: whatever happens to whom, nothing it started is left."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

GUARD = [sys.executable, "-m", "iotistic_kit.guard"]
# A daemon as Ansible's workers are one: in a session of its own, deaf to SIGTERM, its parent gone.
DAEMON = """
import os, signal, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
with open(sys.argv[1] + ".new", "w") as file: file.write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(60)
"""


class Story:
    """A folder, the guards started in it, and the daemons below them."""

    def __init__(self, folder):
        self.folder = folder
        self.guards = []

    def start(self, *options, command, **arguments):
        guard = subprocess.Popen(
            [*GUARD, *options, "--", *command],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **arguments,
        )
        self.guards.append(guard)
        return guard

    def daemon(self, name="daemon", then="sleep 60"):
        """Return a command that starts a daemon and then does something else."""
        script = f"{sys.executable} -c '{DAEMON}' {self.folder / name}"
        made = f"while [ ! -e {self.folder / name} ]; do sleep 0.01; done"
        return ["sh", "-c", f"{script}\n{made}\n{then}"]

    def pid(self, name="daemon"):
        path = self.folder / name
        eventually(path.exists)
        return int(path.read_text())

    def clean_up(self):
        for path in self.folder.iterdir():
            with contextlib.suppress(ValueError, OSError):
                os.kill(int(path.read_text()), signal.SIGKILL)
        for guard in self.guards:
            with guard:  # closes the pipes, whoever else holds them, and waits
                if guard.poll() is None:
                    guard.terminate()


@pytest.fixture
def story(tmp_path):
    story = Story(tmp_path)
    yield story
    story.clean_up()


def alive(pid):
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def eventually(condition, seconds=8):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.01)


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
    (["--beat-fd", "77", "--", "true"], "--beat-fd 77: Bad file descriptor"),
    (["--env-file", "/nowhere", "--", "true"], "can't read /nowhere: No such file or directory"),
    (["--lock", "/proc/nowhere/lock", "--", "true"], "can't open the lock"),
    (["--"], "no command"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_arguments_are_named_and_nothing_is_started(arguments, message):
    done = subprocess.run([*GUARD, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, message in done.stderr) == (2, "", True)
    assert "Traceback" not in done.stderr


def test_a_command_that_ends_is_seen_though_sigchld_was_ignored(story):
    ignoring = lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # noqa: E731
    assert story.start(command=["sh", "-c", "exit 3"], preexec_fn=ignoring).wait() == 3


def test_help_is_no_fault():
    done = subprocess.run([*GUARD, "--help"], capture_output=True, text=True, check=True)
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


def test_what_the_command_leaves_behind_ends_before_the_guard_does(story):
    guard = story.start("--grace", "0.1", command=story.daemon(then="exit 4"))
    assert guard.wait() == 4
    assert not alive(story.pid())


def test_everything_ends_when_the_parent_is_killed(story):
    command = [*GUARD, "--", *story.daemon()]
    parent = subprocess.Popen(
        [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])", *command]
    )
    daemon = story.pid()
    parent.kill()
    parent.wait()
    eventually(lambda: not alive(daemon))


def test_a_stopped_descendant_and_one_that_forks_on_end_too(story):
    forks = story.folder / "forks"
    then = f"while :; do (while :; do sh -c 'sleep 0.01' & sleep 0.01; done) & echo $! > {forks}; "
    guard = story.start("--grace", "0.1", command=story.daemon(then=then + "sleep 60; done"))
    daemon = story.pid()
    eventually(lambda: forks.exists() and forks.read_text())
    os.kill(daemon, signal.SIGSTOP)
    guard.terminate()
    assert guard.wait() in {137, 143}
    assert not alive(daemon)
    assert not alive(int(forks.read_text()))


def test_sigterm_is_handed_on_and_the_commands_answer_is_kept(story):
    ready = story.folder / "ready"
    script = f"trap 'exit 5' TERM; touch {ready}; while :; do sleep 0.01; done"
    guard = story.start(command=["sh", "-c", script])
    eventually(ready.exists)
    guard.terminate()
    assert guard.wait() == 5


@pytest.mark.parametrize(("grace", "terms"), [("0.1", 1), ("60", 2)])
def test_a_command_deaf_to_sigterm_is_killed(story, grace, terms):
    ready = story.folder / "ready"
    script = f"trap '' TERM; touch {ready}; while :; do sleep 0.01; done"
    guard = story.start("--grace", grace, command=["sh", "-c", script])
    eventually(ready.exists)
    for _ in range(terms):
        guard.terminate()
        time.sleep(0.05)
    assert guard.wait() == 137


def test_ctrl_c_reaches_the_command_once(story):
    counted = story.folder / "count"
    script = f"trap 'echo x >> {counted}' INT; touch {counted}; sleep 0.3; sleep 0.3; exit 7"
    command = [*GUARD, "--", "sh", "-c", script]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], command)  # noqa: S606 -- a terminal needs fork
    eventually(counted.exists)
    os.write(terminal, b"\x03")
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    assert (code, counted.read_text()) == (7, "x\n")


def test_sighup_is_handed_on_and_ends_nothing(story):
    ready, hung_up = story.folder / "ready", story.folder / "hung-up"
    script = (
        f"trap 'touch {hung_up}' HUP; touch {ready}; while [ ! -e {hung_up} ]; do sleep 0.01; done"
    )
    guard = story.start(command=["sh", "-c", script])
    eventually(ready.exists)
    guard.send_signal(signal.SIGHUP)
    assert guard.wait() == 0


def test_nothing_is_started_for_a_parent_that_is_gone(story):
    gone = subprocess.Popen(["true"])
    gone.wait()
    guard = story.start("--parent", str(gone.pid), command=["echo", "started"])
    assert guard.communicate()[0] == ""
    guard = story.start("--parent", str(os.getpid()), command=["echo", "started"])
    assert guard.communicate()[0] == "started\n"


def with_beat(story, timeout, *options):
    reading, writing = os.pipe()
    guard = story.start(
        "--beat-fd",
        str(reading),
        "--beat-timeout",
        str(timeout),
        *options,
        command=story.daemon(),
        pass_fds=[reading],
    )
    os.close(reading)
    return guard, writing


def test_a_beat_keeps_it_running_and_its_end_ends_everything(story):
    guard, beat = with_beat(story, 0.4)
    daemon = story.pid()
    for _ in range(6):
        os.write(beat, b"\n")
        time.sleep(0.1)
    assert guard.poll() is None
    assert guard.wait() == 75
    os.close(beat)
    assert "the beat has stopped" in guard.communicate()[1]
    assert not alive(daemon)


def test_a_beat_counts_from_the_renewal_and_not_from_its_arrival(story):
    guard, beat = with_beat(story, 30)
    daemon = story.pid()
    os.write(beat, f"{time.clock_gettime(time.CLOCK_BOOTTIME) - 31}\n".encode())
    assert guard.wait() == 75
    os.close(beat)
    assert not alive(daemon)


def test_the_beats_closed_pipe_ends_everything(story):
    guard, beat = with_beat(story, 30)
    daemon = story.pid()
    os.close(beat)
    assert guard.wait() == 75
    assert not alive(daemon)


def test_the_next_run_waits_until_nothing_of_the_last_one_is_left(story):
    lock = story.folder / "run" / "lock"
    first = story.start("--lock", str(lock), "--grace", "0.1", command=story.daemon())
    daemon = story.pid()
    assert lock.stat().st_mode & 0o777 == 0o600
    watch = f"[ -e /proc/{daemon}/exe ] && echo together || echo alone"
    second = story.start("--lock", str(lock), command=["sh", "-c", watch])
    said = second.stderr.readline()
    assert said == (
        f"iotistic-guard: another run of this site is at work (pid {first.pid}): waiting\n"
    )
    first.terminate()
    assert second.communicate()[0] == "alone\n"


def test_a_lock_whose_file_was_removed_is_taken_anew(story):
    lock = story.folder / "lock"
    first = story.start("--lock", str(lock), command=["sh", "-c", f"sleep 0.2; rm {lock}"])
    eventually(lock.exists)
    eventually(lock.read_text)
    second = story.start("--lock", str(lock), command=["cat", str(lock)])
    assert (first.wait(), second.communicate()[0]) == (0, f"{second.pid}\n")


def test_what_a_killed_guard_left_is_ended_before_the_next_run(story):
    lock = story.folder / "lock"
    first = story.start("--lock", str(lock), "--spare", "SPARED", command=story.daemon())
    daemon = story.pid()
    spared = subprocess.Popen(
        ["sleep", "60"], env={"IOTISTIC_GUARD_LOCK": str(lock), "SPARED": "1"}
    )
    story.guards.append(spared)
    first.kill()
    first.wait()
    assert alive(daemon)
    watch = f"[ -e /proc/{daemon}/exe ] && echo together || echo alone"
    second = story.start("--lock", str(lock), "--spare", "SPARED", command=["sh", "-c", watch])
    assert second.communicate()[0] == "alone\n"
    assert spared.poll() is None


def test_what_a_killed_guard_of_the_same_mark_left_is_ended_and_no_others(story):
    for mark in ("site/billing", "site/billing-2"):
        guard = story.start("--mark", mark, command=story.daemon(mark.replace("/", "-")))
        story.pid(mark.replace("/", "-"))
        guard.kill()
        guard.wait()
    assert story.start("--mark", "site/billing", command=["true"]).wait() == 0
    assert not alive(story.pid("site-billing"))
    assert alive(story.pid("site-billing-2"))


def test_what_is_spared_is_neither_ended_nor_waited_for(story):
    script = f"export SPARED=1\n{story.daemon('spared', then='unset SPARED')[2]}\n"
    script += story.daemon(then="exit 6")[2]
    guard = story.start(
        "--spare",
        "SPARED",
        "--grace",
        "0.1",
        command=["sh", "-c", script],
        env={"PATH": os.defpath, "SPARED": "this one doesn't count"},
    )
    assert guard.wait() == 6
    assert alive(story.pid("spared"))
    assert not alive(story.pid())


def test_the_locks_file_is_held_by_the_guard_alone(story):
    lock = story.folder / "lock"
    guard = story.start("--lock", str(lock), command=["sh", "-c", "ls -l /proc/$$/fd"])
    assert str(lock) not in guard.communicate()[0]


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
