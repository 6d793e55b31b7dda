"""`iotistic-tenant-api serve | scheduler | migrate | housekeeping | users`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from iotistic_kit import cli, logs, migrations
from iotistic_kit.clock import SystemClock
from iotistic_kit.serve import serve
from iotistic_kit.settings import read_settings
from iotistic_tenant_api import cli_users
from iotistic_tenant_api.keys import make_missing_keys
from iotistic_tenant_api.runtime import check_files
from iotistic_tenant_api.scheduling.runtime import housekeeping, schedule
from iotistic_tenant_api.settings import TenantSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MIGRATIONS", "main"]

MIGRATIONS = Path(__file__).parent / "migrations"
FIRST = "0001_tenant"


def main() -> int:
    """Run one command; 0, or not 0 with one line on standard error that says what to do."""
    return cli.run(_command)


def _command(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="iotistic-tenant-api", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    for name, (_, text) in _COMMANDS.items():
        commands.add_parser(name, help=text, description=text)
    cli_users.add_to(commands)
    chosen = parser.parse_args(arguments)
    settings = read_settings(TenantSettings)
    logs.configure("tenant-api", settings.log_level)
    if chosen.command == cli_users.NAME:
        migrations.check(settings.conninfo, MIGRATIONS)
        return cli_users.run(chosen, settings, SystemClock())
    return _COMMANDS[chosen.command][0](settings)


def _migrate(settings: TenantSettings) -> int:
    missing = migrations.behind(settings.conninfo, MIGRATIONS)
    made = make_missing_keys(settings, SystemClock().now(), first_run=FIRST in missing)
    applied = migrations.migrate(settings.conninfo, MIGRATIONS)
    sys.stdout.write(json.dumps({"applied": applied, "made": made}) + "\n")
    return 0


def _serve(settings: TenantSettings) -> int:
    migrations.check(settings.conninfo, MIGRATIONS)
    check_files(settings)
    serve("iotistic_tenant_api.runtime:app", settings)
    return 0


def _schedule(settings: TenantSettings) -> int:
    migrations.check(settings.conninfo, MIGRATIONS)
    asyncio.run(schedule(settings))
    return 0


def _housekeeping(settings: TenantSettings) -> int:
    removed = asyncio.run(housekeeping(settings, SystemClock()))
    sys.stdout.write(json.dumps({"removed": removed}) + "\n")
    return 0


_COMMANDS = {
    "serve": (_serve, "answer devices and people over HTTP"),
    "scheduler": (_schedule, "tell devices to poll, end overrides, revoke, renew the license"),
    "migrate": (_migrate, "bring the database, and the key files, to what this version needs"),
    "housekeeping": (_housekeeping, "remove what has had its time, roll keys over"),
}
