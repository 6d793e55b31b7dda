"""The command ``iotistic-billing``."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING

from iotistic_kit import cli, logs, migrations
from iotistic_kit.clock import SystemClock
from iotistic_kit.errors import StopError
from iotistic_kit.serve import serve
from iotistic_kit.settings import ServiceSettings, read_settings
from iotistic_pki.errors import PkiFault
from iotistic_pki.license_keys import KeyStore
from iotistic_pki.tokens import Purpose

from .keys import reissue, verify
from .runtime import MIGRATIONS, build
from .runtime_worker import build_worker
from .schemas.customers import CustomerView
from .settings import BillingSettings, KeySettings, WorkerSettings
from .trial import try_sign_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main"]


def main() -> int:
    """Run the command; one line and an exit code that isn't 0 when it can't be done."""
    return cli.run(_command)


def _command(arguments: Sequence[str]) -> int:
    told = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = told.run
    try:
        return run(told)
    except PkiFault as error:
        raise StopError(error.detail) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="iotistic-billing", description="Customers and licenses")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "migrate", "bring the database's tables up to date", _migrate)
    _add(commands, "serve", "answer HTTP", _serve)
    _add(commands, "worker", "deploy tenants, send mail", _worker)
    trial = _add(commands, "try-signup", "sign up as anybody would, and print the answer", _try)
    trial.add_argument("--email", required=True)
    trial.add_argument("--company", default="A Trial")
    keys = _group(commands, "keys", "the keys that licenses are signed with")
    _add(keys, "generate", "make what is missing", _generate)
    rotate = _add(keys, "rotate", "the next key becomes the current one", _rotate)
    rotate.add_argument("purpose", choices=[str(each) for each in Purpose])
    rotate.add_argument("--compromised", action="store_true", help="the current key was stolen")
    _add(keys, "verify", "check that public and private belong together", _verify)
    customers = _group(commands, "customers", "the commercial records")
    _add(customers, "list", "print all customers, one JSON object a line", _customers)
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    purpose: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=purpose, description=purpose)
    parser.set_defaults(run=run)
    return parser


def _group(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, purpose: str
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    parser = commands.add_parser(name, help=purpose, description=purpose)
    return parser.add_subparsers(required=True, metavar="COMMAND")


def _migrate(_told: argparse.Namespace) -> int:
    return migrations.main(read_settings(ServiceSettings).conninfo, MIGRATIONS)


def _serve(_told: argparse.Namespace) -> int:
    settings = read_settings(BillingSettings)
    migrations.check(settings.conninfo, MIGRATIONS)
    if settings.email_verification and not settings.public_url:
        raise StopError("set PUBLIC_URL: links in mails lead there; or EMAIL_VERIFICATION=off")
    serve("iotistic_billing.runtime:app", settings)
    return 0


def _worker(_told: argparse.Namespace) -> int:
    settings = read_settings(WorkerSettings)
    logs.configure("billing-worker", settings.log_level)
    migrations.check(settings.conninfo, MIGRATIONS)
    asyncio.run(_work(settings))
    return 0


async def _work(settings: WorkerSettings) -> None:
    built, stop = build_worker(settings), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with built.database:
        upkeep = asyncio.create_task(built.upkeep.run())
        upkeep.add_done_callback(lambda _task: stop.set())
        async with asyncio.TaskGroup() as running:
            for worker in built.workers:
                running.create_task(worker.run(stop))
        if upkeep.done():
            await upkeep
        upkeep.cancel()


def _try(told: argparse.Namespace) -> int:
    return try_sign_up(read_settings(ServiceSettings), told.email, told.company)


def _generate(_told: argparse.Namespace) -> int:
    store = KeyStore(read_settings(KeySettings).license_keys_dir)
    now = SystemClock().now()
    made = [str(purpose) for purpose in Purpose if store.generate(purpose, now)]
    print(json.dumps({"generated": made}))
    return 0


def _rotate(told: argparse.Namespace) -> int:
    settings = read_settings(BillingSettings)
    store = KeyStore(settings.license_keys_dir)
    slots = store.rotate(Purpose(told.purpose), SystemClock().now(), compromised=told.compromised)
    made = 0
    if told.compromised and told.purpose == Purpose.LICENSE:
        made = asyncio.run(reissue(build(settings)))
    print(json.dumps({"current": slots.current, "next": slots.next, "licenses_made": made}))
    return 0


def _verify(_told: argparse.Namespace) -> int:
    faults = verify(KeyStore(read_settings(KeySettings).license_keys_dir))
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def _customers(_told: argparse.Namespace) -> int:
    asyncio.run(_list_customers(read_settings(BillingSettings)))
    return 0


async def _list_customers(settings: BillingSettings) -> None:
    built = build(settings)
    async with built.database:
        after = ""
        while page := await built.parts.tenants.page(after=after, limit=500):
            for tenant in page:
                after = tenant.customer.id
                print(CustomerView.of(tenant).model_dump_json())


if __name__ == "__main__":
    sys.exit(main())
