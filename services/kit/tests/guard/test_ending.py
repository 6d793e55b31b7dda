"""Whatever ends, command or parent: nothing that was started is left."""

import os
import signal
import subprocess
import sys


def test_a_command_that_ends_is_seen_though_sigchld_was_ignored(story):
    ignoring = lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # noqa: E731
    assert story.start(command=["sh", "-c", "exit 3"], preexec_fn=ignoring).wait() == 3


def test_what_the_command_leaves_behind_ends_before_the_guard_does(story):
    guard = story.start("--grace", "0.1", command=story.daemon(then="exit 4"))
    assert guard.wait() == 4
    assert not story.alive(story.pid())


def test_everything_ends_when_the_parent_is_killed(story):
    command = [*story.program, "--", *story.daemon()]
    parent = subprocess.Popen(
        [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])", *command]
    )
    daemon = story.pid()
    parent.kill()
    parent.wait()
    story.eventually(lambda: not story.alive(daemon))


def test_a_stopped_descendant_and_one_that_forks_on_end_too(story):
    forks = story.folder / "forks"
    then = f"while :; do (while :; do sh -c 'sleep 0.01' & sleep 0.01; done) & echo $! > {forks}; "
    guard = story.start("--grace", "0.1", command=story.daemon(then=then + "sleep 60; done"))
    daemon = story.pid()
    story.eventually(lambda: forks.exists() and forks.read_text())
    os.kill(daemon, signal.SIGSTOP)
    guard.terminate()
    assert guard.wait() in {137, 143}
    assert not story.alive(daemon)
    assert not story.alive(int(forks.read_text()))


def test_nothing_is_started_for_a_parent_that_is_gone(story):
    gone = subprocess.Popen(["true"])
    gone.wait()
    guard = story.start("--parent", str(gone.pid), command=["echo", "started"])
    assert guard.communicate()[0] == ""
    guard = story.start("--parent", str(os.getpid()), command=["echo", "started"])
    assert guard.communicate()[0] == "started\n"


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
    assert story.alive(story.pid("spared"))
    assert not story.alive(story.pid())
