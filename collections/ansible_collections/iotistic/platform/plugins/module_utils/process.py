# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One supervised process of a site: between the supervisor's socket, its files and the planner."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shlex
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import _processes, _run_folder, _supervisor
from ._contract.planning import process as planning

BAD_NAME = 10
NOT_RUNNING = 70
CONFIGURATION = "IOTISTIC_CONFIGURATION"
GRACE = 20  # seconds that a program has to end in, told by its guard
PATIENCE = GRACE + 5  # what the supervisor waits for the guard
CODE = frozenset({".py", ".sql", ".html", ".css", ".json"})


class ProcessError(Exception):
    """The process can't be brought to its wanted state; the text says why and what to do."""


@dataclass(frozen=True)
class Site:
    """Where a site keeps its state, its sockets, and the guard that its processes run under."""

    id: str
    state: Path
    run: Path
    guard: str
    supervisord: str

    @property
    def socket(self):
        """Address of the supervisor."""
        return self.run / "supervisor.sock"

    @property
    def configuration(self):
        """Path of the supervisor's own configuration."""
        return self.state / "supervisor" / "supervisord.conf"

    def supervisor_text(self):
        """Return the text of the supervisor's configuration."""
        user = "user=root\n" if os.geteuid() == 0 else ""
        return (
            f"[unix_http_server]\nfile={self.socket}\nchmod=0600\n\n"
            f"[supervisord]\nlogfile={self.state}/log/supervisord.log\n"
            f"pidfile={self.run}/supervisord.pid\nchildlogdir={self.state}/log\n"
            f"identifier=iotistic-{self.id}\numask=077\nminfds=1024\n{user}\n"
            "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory="
            "supervisor.rpcinterface:make_main_rpcinterface\n\n"
            f"[supervisorctl]\nserverurl=unix://{self.socket}\n\n"
            f"[include]\nfiles={self.state}/supervisor/conf.d/*.conf\n"
        )


@dataclass(frozen=True)
class Wanted:
    """What a task asks for, in its own words."""

    name: str
    command: tuple
    environment: dict = field(default_factory=dict)
    user: str | None = None
    directory: str | None = None
    watch: tuple = ()
    present: bool = True
    host: str | None = None
    port: int | None = None
    path: str | None = None
    timeout: int = 60
    stop_signal: str = "TERM"

    def process(self, site):
        """Return the planner's value, with the files and the hash that this comes to."""
        base = site.state / "supervisor"
        environment = base / "env" / f"{self.name}.env"
        settings = {"IOTISTIC_SITE": site.id, **self.environment}
        lines = "".join(f"{name}={value}\n" for name, value in sorted(settings.items()))
        section = self._section(site, environment)
        parts = [section, lines, *(f"{path}:{_sha256(path)}" for path in self.watch)]
        configuration = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
        return planning.Process(
            name=self.name,
            files={
                str(site.configuration): site.supervisor_text(),
                str(environment): lines,
                str(base / "conf.d" / f"{self.name}.conf"): (
                    f'{section}environment={CONFIGURATION}="{configuration}"\n'
                ),
            }
            if self.present
            else {
                str(base / "conf.d" / f"{self.name}.conf"): "",
                str(environment): "",
            },
            configuration=configuration,
            present=self.present,
        )

    def _section(self, site, environment):
        guarded = [site.guard, "--env-file", str(environment), "--site", site.id]
        guarded += ["--mark", f"{site.id}/{self.name}"]
        guarded += ["--stop-signal", self.stop_signal, "--grace", str(GRACE), "--"]
        if self.user:  # the guard stays who it is: it reads the environment file
            owner = f"--reuid={self.user} --regid={self.user} --init-groups --pdeathsig=KILL"
            guarded += ["setpriv", *owner.split(), "--"]
        command = shlex.join([*guarded, *self.command]).replace("%", "%%")
        return (
            f"[program:{self.name}]\ncommand={command}\n"
            f"directory={self.directory or site.state}\n"
            "autostart=true\nautorestart=true\nstartsecs=1\nstartretries=20\n"
            f"stopsignal=TERM\nstopwaitsecs={PATIENCE}\nredirect_stderr=true\n"
            f"stdout_logfile={site.state}/log/{self.name}.log\n"
            "stdout_logfile_maxbytes=5MB\nstdout_logfile_backups=2\n"
        )


class Supervisor:
    """The port of the planner's steps: the supervisor over its socket, and files beside it."""

    def __init__(self, site):
        self._site = site

    def _ask(self, method, *arguments):
        """Return the supervisor's answer to one call."""
        return _supervisor.call(str(self._site.socket), method, *arguments)

    def read(self, process):
        """Return what is there now."""
        files = {}
        for path in process.files:
            with contextlib.suppress(FileNotFoundError):
                files[path] = Path(path).read_text(encoding="utf-8")
        answers = self._answers()
        info = self._info(process.name) if answers else None
        return planning.ActualProcess(
            supervisor=answers,
            files=files,
            status=info and info["statename"],
            configuration=_configuration(info["pid"]) if info and info["pid"] else None,
        )

    @contextlib.contextmanager
    def alone(self):
        """Hold the site's supervisor for reading and changing it: one task at a time."""
        _run_folder.claim(self._site.run)
        with (self._site.run / "supervisor.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._answers():
                self._end_silent()
            yield

    def apply(self, step):
        """Do one step of a plan."""
        match step:
            case planning.WriteFile(path=path, text=text):
                _write(Path(path), text)
            case planning.RemoveFile(path=path):
                Path(path).unlink(missing_ok=True)
            case planning.StartSupervisor():
                self._start()
            case planning.Replace(name=name):
                self._forget(name)
                self._ask("reloadConfig")
                self._ask("addProcessGroup", name)
            case planning.Stop(name=name):
                self._forget(name)

    def status(self, name):
        """Return the supervisor's word for the program, or None."""
        info = self._info(name) if self._answers() else None
        return info and info["statename"]

    def log(self, name):
        """Return the last lines that the program wrote."""
        path = self._site.state / "log" / f"{name}.log"
        with contextlib.suppress(OSError):
            return "\n".join(path.read_text(errors="replace").splitlines()[-12:])
        return ""

    def _answers(self):
        try:
            return self._ask("getState")["statename"] == "RUNNING"
        except (OSError, _supervisor.Fault):
            return False

    def _info(self, name):
        try:
            return self._ask("getProcessInfo", name)
        except _supervisor.Fault as fault:
            if fault.faultCode == BAD_NAME:
                return None
            raise ProcessError(f"the supervisor refuses: {fault.faultString}") from fault

    def _forget(self, name):
        with contextlib.suppress(_supervisor.Fault):
            self._ask("stopProcessGroup", name)
        with contextlib.suppress(_supervisor.Fault):
            self._ask("removeProcessGroup", name)

    def _end_silent(self):
        """End a supervisor whose socket was lost: it would start again what another one runs."""
        held = tuple(filter(_processes.is_supervisor, _processes.site_processes(self._site.id)))
        for process in held:
            os.kill(process.pid, signal.SIGTERM)
        _processes.end(_processes.wait_gone(held, PATIENCE + 5))

    def _start(self):
        site = self._site
        (site.state / "log").mkdir(mode=0o755, parents=True, exist_ok=True)
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(Path.home()),
            "IOTISTIC_SITE": site.id,
            "IOTISTIC_SUPERVISED": site.id,
        }
        done = subprocess.run(  # noqa: S603 - an argument list
            [site.supervisord, "-c", str(site.configuration)],
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            start_new_session=True,
        )
        deadline = time.monotonic() + 20
        while not self._answers():
            if done.returncode or time.monotonic() > deadline:
                raise ProcessError(f"the supervisor doesn't start: {done.stdout}{done.stderr}")
            time.sleep(0.05)


def await_free(wanted, supervisor):
    """Raise unless nobody else listens where the process is to listen; waits 15 s for leavers."""
    deadline = time.monotonic() + 15
    while wanted.port and supervisor.status(wanted.name) not in planning.ALIVE:
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((wanted.host, wanted.port))
        except OSError as error:
            if time.monotonic() > deadline:
                holder = _holder(wanted.port)
                raise ProcessError(
                    f"{wanted.name} can't have {wanted.host}:{wanted.port}: {error.strerror}"
                    f"{holder}. Stop what holds it, or give the site other addresses "
                    "(IOTISTIC_NET)."
                ) from error
        else:
            return
        time.sleep(0.2)


def await_ready(wanted, supervisor):
    """Return when the process runs and answers; raise with its last lines when it doesn't."""
    deadline = time.monotonic() + wanted.timeout
    while True:
        status = supervisor.status(wanted.name)
        if status == "RUNNING" and _answers(wanted):
            return
        if status == "FATAL" or time.monotonic() > deadline:
            raise ProcessError(
                f"{wanted.name} doesn't come up ({status or 'unknown to the supervisor'}). "
                f"Its last lines:\n{supervisor.log(wanted.name)}"
            )
        time.sleep(0.1)


def _answers(wanted):
    with contextlib.suppress(OSError):
        if wanted.port:
            socket.create_connection((wanted.host, wanted.port), timeout=2).close()
        if wanted.path:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(wanted.path)
        return True
    return False


def _holder(port):
    """Return " (held by NAME, pid N)" when /proc shows who listens on the port, else ""."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, state, inode = line.split()[1], line.split()[3], line.split()[9]
        if state == "0A" and int(local.split(":")[1], 16) == port:
            inodes.add(f"socket:[{inode}]")
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(link.readlink()) in inodes:
                pid = link.parts[2]
                return f" (held by {Path(f'/proc/{pid}/comm').read_text().strip()}, pid {pid})"
    return ""


def _configuration(pid):
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if entry.startswith(CONFIGURATION.encode() + b"="):
                return entry.decode().partition("=")[2]
    return None


def _sha256(name):
    """Return a hash of a file, or of all the code below a folder; "absent" for neither."""
    path = Path(name)
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    if not path.is_dir():
        return "absent"
    digest = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.suffix in CODE and file.is_file()):
        digest.update(f"{file.relative_to(path)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _write(path, text):
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
