"""Workers as processes of their own, and a project with a small playbook."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from iotistic_billing.runtime import Built, build
from iotistic_billing.settings import BillingSettings
from iotistic_billing.usecases.customers import WantedCustomer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from iotistic_billing.usecases.tenants import Queued, Tenant
    from iotistic_kit.work import JobView
from psycopg.conninfo import make_conninfo

MEMORY = Path("/dev/shm")  # noqa: S108 -- where workers keep secrets
LEASE, RENEWAL, SILENCE = 2.5, 0.4, 1.5
# A stopped worker's open transaction keeps nobody waiting for longer than this.
IDLE = "-c idle_in_transaction_session_timeout={}"
ENDED = {"succeeded", "failed", "canceled"}


@dataclass(slots=True)
class Site:
    """One customer, its queue, and the workers that a test starts."""

    built: Built
    environment: dict[str, str]
    playbooks: Path
    site: str
    tenant: Tenant
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def journal(self) -> list[list[str]]:
        """The lines that the steps wrote: fence, begin or end, step."""
        path = self.playbooks / "journal"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Start one more worker."""
        command = [sys.executable, "-m", "iotistic_billing.cli", "worker"]
        worker = subprocess.Popen(command, env=self.environment, cwd="/")
        self.workers.append(worker)
        return worker

    async def deploy(self) -> Queued:
        """Queue a deployment."""
        return await self.built.parts.tenants.deploy(self.tenant.customer.id, "test", "admin")

    async def shown(self) -> Tenant:
        """The customer as it is now."""
        return await self.built.parts.tenants.get(self.tenant.customer.id)

    async def ended(self, job_id: str, seconds: float = 40) -> JobView:
        """Wait until a job has ended; return it."""
        until = time.monotonic() + seconds
        while True:
            job = await self.built.parts.jobs.get(job_id)
            if job.status in ENDED:
                return job
                assert time.monotonic() < until, (job, self.journal)
            await asyncio.sleep(0.05)

    async def lease_of(self, job_id: str) -> datetime:
        """When the lease of a running job ends."""
        async with self.built.database.connection() as connection:
            sql = "SELECT lease_until FROM work WHERE id = %s"
            row = await (await connection.execute(sql, [job_id])).fetchone()
        assert row is not None
        lease: datetime = row[0]
        return lease

    async def set_tasks_done(self, job_id: str, done: int) -> None:
        """Have a job that ended done so many tasks."""
        async with self.built.database.transaction() as connection:
            sql = "UPDATE work SET progress = progress || jsonb_build_object('done', %s::int)"
            await connection.execute(sql + " WHERE id = %s", [done, job_id])

    async def claimed(self, job_id: str, fence: int) -> None:
        """Wait until a worker has taken the job under that number."""
        until = time.monotonic() + 30
        while (await self.built.parts.jobs.get(job_id)).fence != fence:
            assert time.monotonic() < until
            await asyncio.sleep(0.02)

    async def hold_deployments(self) -> psycopg.AsyncConnection[Any]:
        """Keep everybody from reading and writing deployments until this is closed."""
        patient = make_conninfo(self.environment["DATABASE_URL"], options=IDLE.format(0))
        connection = await psycopg.AsyncConnection.connect(patient)
        await connection.execute("LOCK TABLE deployments IN ACCESS EXCLUSIVE MODE")
        return connection

    async def until(self, holds: Callable[[], bool], seconds: float = 30) -> None:
        """Wait until something holds."""
        until = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < until, self.journal
            await asyncio.sleep(0.02)

    def survivors(self) -> list[str]:
        """The processes of this site's runs."""
        mark = f"IOTISTIC_SITE={self.site}".encode()
        found = []
        own = {worker.pid for worker in self.workers}
        for folder in Path("/proc").iterdir():
            try:
                if int(folder.name) in own or mark not in (folder / "environ").read_bytes():
                    continue
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (ValueError, OSError):
                continue
            if command:
                found.append(command)
        return found

    def folders(self) -> list[Path]:
        """The folders in memory that runs of this site have left."""
        return list(MEMORY.glob(f"iotistic-job-{self.site}-*"))


@pytest.fixture
async def site(
    signing_keys: Path, project: Path, conninfo: str, secrets_of_billing: dict[str, str]
) -> AsyncIterator[Site]:
    """A customer that is not deployed yet, and no worker."""
    shutil.copytree(Path(__file__).parent / "project", project / "playbooks", dirs_exist_ok=True)
    name = f"t{os.getpid()}{time.monotonic_ns() % 10**8}"
    told: dict[str, Any] = {
        "database_url": make_conninfo(conninfo, options=IDLE.format(1500)),
        "license_keys_dir": str(signing_keys),
        "deploy_project_dir": str(project),
        "deploy_net": "127.77.7.0/24",
        "email_verification": "off",
        "public_url": "https://127.77.7.3:3100",
        **secrets_of_billing,
    }
    built = build(BillingSettings.model_validate(told))
    worker = {
        "iotistic_site": name,
        "home": str(project),
        "path": os.environ["PATH"],  # noqa: TID251 -- what a worker is started with
        "deploy_lease": str(LEASE),
        "deploy_renewal": str(RENEWAL),
        "deploy_silence": str(SILENCE),
        "deploy_retry_pauses": "[0.1, 0.1]",
        "log_level": "warning",
    }
    environment = {each.upper(): value for each, value in (told | worker).items()}
    async with built.database:
        wanted = WantedCustomer(external_id="acme", company_name="Acme", plan="starter")
        tenant, _ = await built.parts.customers.put(wanted, "admin")
        inventory = project / "inventories" / "billing"
        inventory.mkdir(parents=True)
        host = tenant.customer.short_id
        (inventory / "tenants.yml").write_text(
            f'---\ntenants:\n  hosts:\n    "{host}":\n      ansible_connection: local\n'
        )
        made = Site(built, environment, project / "playbooks", name, tenant)
        try:
            yield made
        finally:
            for process in made.workers:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
