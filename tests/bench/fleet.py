"""Lists and the overview of a tenant with ten thousand devices, asked in process."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from falcon.testing import ASGIConductor
from pydantic import SecretStr

from iotistic_kit import logs
from iotistic_kit.clock import SystemClock
from iotistic_kit.migrations import migrate
from iotistic_kit.testing import running_postgres
from iotistic_tenant_api.cli import MIGRATIONS
from iotistic_tenant_api.runtime import Worker
from iotistic_tenant_api.testing import Billing, TenantFiles
from tests.bench.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE, ROUNDS = 10_000, 5
CUSTOMER = "cust_" + "a1" * 16
SORTS = ("name", "-name", "status", "-status", "lastSeen", "-lastSeen", "version", "-version")
STATES = ("online", "offline", "never_seen", "outdated", "failing")
WORDS = ("lamp 77", "site=roof", "no such thing", "arm")
# Specs and reports of the usual size; a third is offline, a seventh failed, some never came.
SEED = f"""
    INSERT INTO devices (uuid, name, device_type, tags, created_at, registered_at, last_seen_at,
        poll_interval_ms, agent_version)
    SELECT gen_random_uuid(), 'lamp ' || n, CASE WHEN n % 2 = 0 THEN 'arm' ELSE 'x86' END,
        jsonb_build_object('site', CASE WHEN n % 3 = 0 THEN 'roof' ELSE 'hall' END, 'row', n::text),
        now() - interval '2 days', now() - interval '1 day',
        CASE WHEN n % 11 > 0 THEN now() - CASE WHEN n % 3 = 0 THEN interval '1 hour'
                                               ELSE interval '1 second' END END,
        30000, '1.' || n % 4 || '.0'
    FROM generate_series(1, {SIZE}) AS n;
    INSERT INTO device_target_state (device_uuid, version, spec_revision, spec, changed_at)
    SELECT uuid, 3, 3, jsonb_build_object('config', '{{}}'::jsonb, 'apps', jsonb_build_object('web',
        jsonb_build_object('appId', 'web', 'appName', 'Web', 'services', (
            SELECT jsonb_agg(jsonb_build_object('serviceId', 's' || s, 'serviceName', 's' || s,
                'imageName', 'registry.local:5000/demo/web:1.' || s, 'config', jsonb_build_object(
                    'environment', jsonb_build_object('A', md5(s::text), 'B', md5(uuid::text)))))
            FROM generate_series(1, 6) AS s)))), now() - interval '1 hour'
    FROM devices;
    UPDATE devices SET report_status = CASE WHEN name LIKE '%7' THEN 'failed' ELSE 'applied' END,
        applied_version = CASE WHEN name LIKE '%5' THEN 2 ELSE 3 END, services_total = 6,
        failing_since = CASE WHEN name LIKE '%7' THEN now() END, services_running = 5,
        services_stopped = 1
    WHERE last_seen_at IS NOT NULL;
    ANALYZE;"""  # noqa: S608 - constants


def run() -> Iterator[Figure]:
    """Seed a fleet, ask for every filter and sort, and for the overview."""
    logs.configure("bench", "error")
    with (
        tempfile.TemporaryDirectory(prefix="tn-") as folder,
        running_postgres() as server,
    ):
        files = TenantFiles.make(Path(folder), CUSTOMER, "127.77.6.3", Billing())
        try:
            conninfo = server.create()
            migrate(conninfo, MIGRATIONS)
            with psycopg.connect(conninfo, autocommit=True) as connection:
                connection.execute(SEED)
            lists, overviews = asyncio.run(_measured(files, conninfo))
        finally:
            files.stop()
    yield Figure("fleet: slowest list of 10,000 devices", max(lists), "ms", 300)
    yield Figure("fleet: list of 10,000 devices, median", statistics.median(lists), "ms", 300)
    yield Figure(
        "fleet: overview of 10,000 devices, median", statistics.median(overviews), "ms", 50
    )


async def _measured(files: TenantFiles, conninfo: str) -> tuple[list[float], list[float]]:
    now = datetime.now(UTC)
    license_ = SecretStr(files.billing.license_token(CUSTOMER, now, "enterprise"))
    worker = Worker(files.settings(conninfo, iotistic_license_key=license_), SystemClock())
    token = files.billing.service_token(CUSTOMER, ("read",), now)
    async with ASGIConductor(worker.app()) as conductor:

        async def ask(path: str, **query: Any) -> float:
            begun = time.perf_counter()
            answer = await conductor.simulate_get(
                path, params=query, headers={"Authorization": f"Bearer {token}"}
            )
            took = (time.perf_counter() - begun) * 1000
            if answer.status_code != 200:
                raise SystemExit(answer.text)
            return took

        questions: list[dict[str, Any]] = [{"sort": sort} for sort in SORTS]
        questions += [{"sort": "name", "status": state} for state in STATES]
        questions += [{"sort": "-lastSeen", "q": word} for word in WORDS]
        questions += [{"sort": "status", "offset": 9_900}, {"limit": 100}]
        await ask("/api/v1/overview")
        lists = [
            statistics.median([await ask("/api/v1/devices", **one) for _ in range(ROUNDS)])
            for one in questions
        ]
        overviews = [await ask("/api/v1/overview") for _ in range(4 * ROUNDS)]
    return lists, overviews
