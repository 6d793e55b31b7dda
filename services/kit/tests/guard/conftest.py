"""A folder, the guards started in it, and what they leave or don't."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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

    program = (sys.executable, "-m", "iotistic_kit.guard")

    def __init__(self, folder):
        self.folder = folder
        self.guards = []

    def start(self, *options, command, **arguments):
        guard = subprocess.Popen(
            [*self.program, *options, "--", *command],
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
        self.eventually(path.exists)
        return int(path.read_text())

    def clean_up(self):
        for path in self.folder.iterdir():
            with contextlib.suppress(ValueError, OSError):
                os.kill(int(path.read_text()), signal.SIGKILL)
        for guard in self.guards:
            with guard:  # closes the pipes, whoever else holds them, and waits
                if guard.poll() is None:
                    guard.terminate()

    @staticmethod
    def alive(pid):
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        return text.rpartition(")")[2].split()[0] != "Z"

    @staticmethod
    def eventually(condition, seconds=8):
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, "it did not come to pass"
            time.sleep(0.01)


@pytest.fixture
def story(tmp_path):
    story = Story(tmp_path)
    yield story
    story.clean_up()
