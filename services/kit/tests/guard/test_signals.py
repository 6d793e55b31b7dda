"""Which signals reach the command, and how often."""

import os
import pty
import signal
import time

import pytest


def test_sigterm_is_handed_on_and_the_commands_answer_is_kept(story):
    ready = story.folder / "ready"
    script = f"trap 'exit 5' TERM; touch {ready}; while :; do sleep 0.01; done"
    guard = story.start(command=["sh", "-c", script])
    story.eventually(ready.exists)
    guard.terminate()
    assert guard.wait() == 5


@pytest.mark.parametrize(("grace", "terms"), [("0.1", 1), ("60", 2)])
def test_a_command_deaf_to_sigterm_is_killed(story, grace, terms):
    ready = story.folder / "ready"
    script = f"trap '' TERM; touch {ready}; while :; do sleep 0.01; done"
    guard = story.start("--grace", grace, command=["sh", "-c", script])
    story.eventually(ready.exists)
    for _ in range(terms):
        guard.terminate()
        time.sleep(0.05)
    assert guard.wait() == 137


def test_ctrl_c_reaches_the_command_once(story):
    counted = story.folder / "count"
    script = f"trap 'echo x >> {counted}' INT; touch {counted}; sleep 0.3; sleep 0.3; exit 7"
    command = [*story.program, "--", "sh", "-c", script]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], command)  # noqa: S606 -- a terminal needs fork
    story.eventually(counted.exists)
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
    story.eventually(ready.exists)
    guard.send_signal(signal.SIGHUP)
    assert guard.wait() == 0


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", ["INT", "QUIT"])
def test_a_command_is_stopped_by_the_signal_that_it_wants(story, name, sent):
    ready = story.folder / "ready"
    script = f"trap 'exit 5' {name}; trap '' TERM; touch {ready}; while :; do sleep 0.01; done"
    guard = story.start("--stop-signal", name, command=["sh", "-c", script], start_new_session=True)
    story.eventually(ready.exists)
    guard.send_signal(sent)
    assert guard.wait() == 5
