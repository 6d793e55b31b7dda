"""One job: read what is wanted, run the playbook, write down what is there."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iotistic_billing.deploy.folder import JobFolder
from iotistic_billing.deploy.keeper import Keeper
from iotistic_billing.deploy.process import GuardedRun, RunPlan
from iotistic_billing.domain.model import JobKind
from iotistic_billing.domain.tenancy import tenant_state
from iotistic_billing.security import api_key_for
from iotistic_billing.storage.customers import PostgresCustomers
from iotistic_billing.storage.deployments import PostgresDeployments
from iotistic_kit.work import LeaseLostError
from iotistic_pki.keys import public_pem
from iotistic_pki.tokens import Purpose

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from iotistic_billing.settings import WorkerSettings
    from iotistic_billing.usecases.invitations import Invitations
    from iotistic_billing.usecases.licensing import Licensing
    from iotistic_billing.usecases.tenants import Tenant, Tenants
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_kit.work import Job, WorkQueue
    from iotistic_kit.worker import Lease
    from iotistic_pki.license_keys import KeyStore

__all__ = ["Deployer", "RunFailedError"]

SILENCED = 75  # the guard's exit code when no beat came


class RunFailedError(Exception):
    """The playbook ended badly; ``str()`` says at which task and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployer:
    """Does jobs of one worker; each of them under its lease, and no longer."""

    database: Database
    queue: WorkQueue
    tenants: Tenants
    licensing: Licensing
    invitations: Invitations
    keys: KeyStore
    clock: Clock
    settings: WorkerSettings
    environment: Mapping[str, str]

    async def __call__(self, job: Job, lease: Lease) -> Mapping[str, Any]:
        """Do the job; return what the playbook has noted, raise RunFailedError when it failed.

        Cancelled, or out of touch, it returns only when nothing of the run is left.
        """
        tenant = await self._begin(job)
        if tenant is None:
            return {"skipped": "the deployment is gone"}
        settings = self.settings
        folder = JobFolder.create(
            settings.deploy_secrets_dir, settings.iotistic_site, job.id, job.fence
        )
        try:
            plan = self._plan(job, tenant, folder, await self._secrets(tenant))
            facts = await self._run(job, lease, plan)
        finally:
            folder.remove()
        await self._done(job, facts)
        return facts

    async def _begin(self, job: Job) -> Tenant | None:
        tenant = await self.tenants.get(job.key)
        if tenant.deployment is None:
            return None
        async with self.database.transaction() as connection:
            begun = await PostgresDeployments(connection).begin(
                job.key, wanted=tenant.wanted_hash, fence=job.fence
            )
        if not begun:
            raise LeaseLostError(job)
        return tenant

    async def _secrets(self, tenant: Tenant) -> dict[str, str]:
        """Return the files that the tenant gets from billing."""
        stored = await self.licensing.current(tenant.customer.id)
        seed = self.settings.api_key_seed.get_secret_value().encode()
        license_key = self.keys.signing_key(Purpose.LICENSE)
        service_key = self.keys.signing_key(Purpose.SERVICE)
        return {
            "license.jwt": stored.token,
            "billing-api-key": api_key_for(seed, tenant.customer.id).text,
            "license-public-key.pem": public_pem(license_key).decode("ascii"),
            "service-public-key.pem": public_pem(service_key).decode("ascii"),
        }

    def _plan(
        self, job: Job, tenant: Tenant, folder: JobFolder, secrets: Mapping[str, str]
    ) -> RunPlan:
        settings, project = self.settings, self.settings.deploy_project_dir.resolve()
        variables = {
            "tenant_fence": job.fence,
            "tenant_job_id": job.id,
            "tenant_state": tenant_state(JobKind(job.kind)),
            "tenant_secrets_dir": str(folder.write_all("secrets", secrets)),
        }
        told = [folder.write("variables.json", json.dumps(variables))]
        if settings.deploy_extra_vars_file is not None:
            told.insert(0, settings.deploy_extra_vars_file.absolute())
        description = {
            "folder": str(_made(folder.path / "run")),
            "project": str(project),
            "playbook": str(project / settings.deploy_playbook),
            "inventory": str(project / settings.deploy_inventory),
            "limit": tenant.customer.short_id,
            "variables": [str(path) for path in told],
        }
        temporary = str(_made(folder.path / "temporary"))
        places = {"ANSIBLE_LOCAL_TEMP": temporary, "ANSIBLE_REMOTE_TEMP": temporary}
        return RunPlan(
            description=folder.write("job.json", json.dumps(description)),
            folder=project,
            environment={**self.environment, **places},
            site=settings.iotistic_site,
            silence=settings.deploy_silence,
        )

    async def _run(self, job: Job, lease: Lease, plan: RunPlan) -> Mapping[str, Any]:
        run = await GuardedRun.start(plan)
        keeper = Keeper(self.queue, lease, run, await self._usual_length(job.kind))
        keeping = asyncio.create_task(keeper.keep())
        try:
            await run.follow(keeper.hear)
        finally:
            await run.end(keeper.hear)
            await _ended(keeping)
        if run.code == SILENCED:
            raise LeaseLostError(job)
        if not run.ok:
            await keeper.tell()
            raise RunFailedError(run.error or f"the run ended with {run.code}")
        await keeper.conclude()
        return run.facts

    async def _usual_length(self, kind: str) -> int | None:
        """Return how many tasks the last run of this kind had."""
        async with self.database.connection() as connection:
            cursor = await connection.execute(
                "SELECT (progress->>'done')::int FROM work WHERE kind = %s"
                " AND status = 'succeeded' ORDER BY number DESC LIMIT 1",
                [kind],
            )
            row = await cursor.fetchone()
        return row[0] if row else None

    async def _done(self, job: Job, facts: Mapping[str, Any]) -> None:
        """Write down what is in place; nothing, when a higher fencing number has begun."""
        now = self.clock.now()
        async with self.database.transaction() as connection:
            deployments = PostgresDeployments(connection)
            if JobKind(job.kind) is not JobKind.DELETE:
                pin = facts.get("tenant_ca_pin")
                ca_pin = pin if isinstance(pin, str) else None
                done = await deployments.applied(job.key, fence=job.fence, now=now, ca_pin=ca_pin)
                if done and JobKind(job.kind) is JobKind.DEPLOY:
                    await self.invitations.ask(connection, job.key)
            elif await deployments.remove(job.key, fence=job.fence):
                await self.invitations.forget(connection, job.key)
                await PostgresCustomers(connection).set_removed(job.key, now)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder
