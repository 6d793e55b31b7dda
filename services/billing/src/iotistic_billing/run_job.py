"""One run of the tenant playbook, as a process of its own under iotistic-guard.

``python -m iotistic_billing.run_job JOB.json`` writes what happens to standard output, one JSON
object a line: ``{"line": text}``, ``{"progress": {"done", "task"}}``, ``{"facts": {…}}`` and at
last ``{"end": {"ok", "error"}}``. It knows no database and no secret: those are files in the
job's folder that only the playbook opens.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import ansible_runner

__all__ = ["Narrator", "main"]

LONGEST_LINE = 4000
LONGEST_OUTPUT = 500
# How Ansible begins a line about what keeps it from running at all.
_COMPLAINTS = ("[ERROR]: ", "ERROR! ")
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_FAILURES = frozenset({"runner_on_failed", "runner_on_unreachable", "runner_item_on_failed"})
_TASKS = frozenset({"playbook_on_task_start", "playbook_on_handler_task_start"})


@dataclass(slots=True)
class Narrator:
    """Turns ansible-runner's events into lines for the worker."""

    out: TextIO
    done: int = 0
    error: str | None = None
    complaint: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def event(self, event: dict[str, Any]) -> bool:
        """Tell one event; False, so that the runner doesn't keep it in a file."""
        name, about = event.get("event"), event.get("event_data") or {}
        if name in _TASKS:
            self.done += 1
            task = str(about.get("task") or "")[:200]
            self.tell({"progress": {"done": self.done, "task": task}})
        elif name in _FAILURES and not about.get("ignore_errors"):
            self.error = self._kept(name, about) or _failure(about)
        elif name == "runner_on_ok":
            self.error = None if _is_of(self.error, about) else self.error
        elif name == "playbook_on_no_hosts_matched":
            self.error = "the inventory doesn't hold this tenant"
        elif name == "playbook_on_stats":
            self.facts = dict(about.get("artifact_data") or {})
        for line in _COLOURS.sub("", str(event.get("stdout") or "")).splitlines():
            self._line(line.rstrip()[:LONGEST_LINE])
        return False

    def _line(self, line: str) -> None:
        if line.startswith(_COMPLAINTS):
            self.complaint = line.partition(" ")[2]
        if line:
            self.tell({"line": line})

    def _kept(self, name: str, about: dict[str, Any]) -> str | None:
        """Return what an item of the failed loop has said: the loop only says that one failed."""
        looped = name == "runner_on_failed" and "results" in (about.get("res") or {})
        return self.error if looped and _is_of(self.error, about) else None

    def tell(self, said: dict[str, Any]) -> None:
        """Write one object as one line."""
        self.out.write(json.dumps(said) + "\n")
        self.out.flush()

    def end(self, status: str, code: int) -> int:
        """Tell how it ended; return the exit code of this process."""
        no_hosts = self.error is not None and self.error.startswith("the inventory")
        succeeded = status == "successful" and code == 0 and not no_hosts
        if self.facts:
            self.tell({"facts": self.facts})
        error = None if succeeded else self.error or self.complaint
        if not succeeded and error is None:
            error = f"ansible-playbook ended with {code}"
        self.tell({"end": {"ok": succeeded, "error": error}})
        return 0 if succeeded else 1


def main(arguments: list[str] | None = None) -> int:
    """Run the playbook that the file in the arguments describes."""
    (path,) = sys.argv[1:] if arguments is None else arguments
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    narrator = Narrator(sys.stdout)
    run = ansible_runner.run(
        private_data_dir=job["folder"],
        project_dir=job["project"],
        playbook=job["playbook"],
        inventory=job["inventory"],
        limit=job["limit"],
        cmdline=" ".join(f"-e @{each}" for each in job["variables"]),
        event_handler=narrator.event,
        suppress_env_files=True,
        quiet=True,
        settings={"suppress_ansible_output": True, "job_timeout": 0},
    )
    return narrator.end(run.status, run.rc)


def _failure(about: dict[str, Any]) -> str:
    """Return the task and what it said; for a program also the end of what that wrote."""
    result = about.get("res") or {}
    said = str(result.get("msg") or "failed").strip()
    outputs = (result.get(name) for name in ("stderr", "module_stderr", "stdout"))
    written = str(next(filter(None, outputs), "")).strip()
    if "rc" in result and written:
        said += f": {written[-LONGEST_OUTPUT:]}"
    item = result.get("item")
    about_item = f" ({item})" if isinstance(item, str) else ""
    return f"{about.get('task') or 'a task'}{about_item}: {said}"[:LONGEST_LINE]


def _is_of(error: str | None, about: dict[str, Any]) -> bool:
    return error is not None and error.startswith(str(about.get("task") or "a task"))


if __name__ == "__main__":
    sys.exit(main())
