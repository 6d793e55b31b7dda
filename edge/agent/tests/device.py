"""One agent as a process, on a real engine, with a folder of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4


class Device:
    """One agent and its folder."""

    def __init__(self, host, tenant, folder: Path) -> None:
        self.host, self.tenant, self.folder = host, tenant, folder
        self.uuid = str(uuid4())
        self.key_file = folder / "provisioning-key"
        if tenant is not None:
            self.key_file.write_text(str(tenant.string()))
        self.policy = folder / "policy.json"
        self.process: subprocess.Popen | None = None
        self.versions = 0

    def start(
        self, program: tuple[str, ...] = ("-m", "iotistic_agent"), **environment: str
    ) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program],
                env={
                    "PATH": os.defpath,
                    "STATE_DIR": str(self.folder / "state"),
                    "DEVICE_UUID": self.uuid,
                    "DOCKER_HOST": f"unix://{self.host.socket}",
                    "PROVISIONING_API_KEY_FILE": str(self.key_file),
                    "POLICY_FILE": str(self.policy),
                    "POLL_INTERVAL_MS": "200",
                    "REPORT_INTERVAL_MS": "500",
                    "HEALTH_WINDOW_MS": "100",
                    **environment,
                },
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def stop(self, seconds: float = 20) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def log(self) -> list[dict]:
        lines = (self.folder / "log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def name(self, service: str) -> str:
        return f"iot-{self.uuid[:8]}-app-{service}"

    def containers(self) -> dict[str, tuple[str, str]]:
        form = "{{.Names}} {{.ID}} {{.State}}"
        label = f"label=iotistic.device={self.uuid}"
        lines = self.host.docker("ps", "--all", "--no-trunc", "--filter", label, "--format", form)
        rows = (line.split() for line in lines.splitlines())
        return {name.rpartition("-")[2]: (container, state) for name, container, state in rows}

    def states(self) -> dict[str, str]:
        return {name: state for name, (_, state) in self.containers().items()}

    def settles(self, seconds: float = 20.0, **states: str) -> None:
        until = time.monotonic() + seconds
        while self.states() != states:
            assert time.monotonic() < until, (self.states(), self.log()[-5:])
            time.sleep(0.05)

    def until(self, holds, seconds: float = 20.0) -> None:
        """Wait until ``holds()``."""
        until = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < until, self.log()[-5:]
            time.sleep(0.05)

    def settles_own(self, seconds: float = 20.0, **states: str) -> None:
        """As ``settles``, whatever else bears the device's label."""
        self.until(
            lambda: {n: s for n, s in self.states().items() if n in states} == states, seconds
        )

    def clean(self) -> None:
        """Leave nothing of it on the engine."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        until = time.monotonic() + 20
        while True:
            try:
                self._remove_all()
            except AssertionError:  # what a killed agent had asked for may still come
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
            else:
                return

    def _remove_all(self) -> None:
        for list_, remove in (
            (["ps", "-aq"], ["rm", "-f"]),
            (["network", "ls", "-q"], ["network", "rm"]),
            (["volume", "ls", "-q"], ["volume", "rm"]),
        ):
            found = self.host.docker(
                *list_, "--filter", f"label=iotistic.device={self.uuid}"
            ).split()
            if found:
                self.host.docker(*remove, *found)


def app(image: str, **services: dict) -> dict:
    listed = [
        {"serviceId": f"id-{name}", "serviceName": name, "imageName": image, **service}
        for name, service in services.items()
    ]
    return {"app": {"appId": "app", "appName": "app", "services": listed}}


def applied(tenant, version: int) -> bool:
    sections = tenant.sections
    return sections.get("status") == "applied" and sections.get("appliedVersion") == version
