"""`iotistic-tenant-api users`: for whoever runs the machine."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iotistic_contract.codec import format_time
from iotistic_kit.db import Database
from iotistic_kit.errors import StopError
from iotistic_pki.files import write_atomic
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.people import Role
from iotistic_tenant_api.storage.configuration import PostgresAudit
from iotistic_tenant_api.storage.users import PostgresUsers
from iotistic_tenant_api.usecases.invitations import invite

if TYPE_CHECKING:
    import argparse

    from iotistic_kit.clock import Clock
    from iotistic_tenant_api.settings import TenantSettings

__all__ = ["NAME", "add_to", "run"]

NAME = "users"
_ACTOR = "cli"
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f.]+")
_MOST_LISTED = 100_000


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command with what it does."""
    text = "list people, invite an owner, turn off somebody's second factor"
    actions = commands.add_parser(NAME, help=text, description=text).add_subparsers(
        required=True, dest="action", metavar="ACTION"
    )
    actions.add_parser("list", help="print users, one JSON object a line")
    owner = actions.add_parser("invite-owner", help="write an owner's invitation to a file")
    owner.add_argument("email", metavar="EMAIL")
    owner.add_argument(
        "--token-file",
        type=Path,
        default=Path("owner-invitation"),
        help="where the token goes, readable by its owner only (default: ./%(default)s)",
    )
    reset = actions.add_parser("reset-second-factor", help="have somebody's password suffice")
    reset.add_argument("email", metavar="EMAIL")


def run(chosen: argparse.Namespace, settings: TenantSettings, clock: Clock) -> int:
    """Do it; StopError says in one line why not."""
    try:
        for line in asyncio.run(_done(chosen, settings, clock)):
            sys.stdout.write(json.dumps(line) + "\n")
    except Refused as refused:
        raise StopError(refused.detail) from None
    return 0


async def _done(
    chosen: argparse.Namespace, settings: TenantSettings, clock: Clock
) -> list[dict[str, Any]]:
    async with Database(settings.conninfo, name="tenant-users", largest=1) as database:
        if chosen.action == "list":
            return await _list(database)
        email = _checked(chosen.email)
        if chosen.action == "invite-owner":
            return [await _invite(database, email, chosen.token_file, clock)]
        return [await _reset(database, email, clock)]


async def _list(database: Database) -> list[dict[str, Any]]:
    async with database.connection() as connection:
        users = await PostgresUsers(connection).page(None, _MOST_LISTED)
    return [
        {
            "id": user.id,
            "email": user.email,
            "name": user.name,
            "role": str(user.role),
            "twoFactor": user.two_factor,
            "disabled": user.disabled,
            "lastLoginAt": format_time(user.last_login_at) if user.last_login_at else None,
        }
        for user in users
    ]


async def _invite(database: Database, email: str, path: Path, clock: Clock) -> dict[str, Any]:
    async with database.transaction() as connection:
        await PostgresUsers(connection).lock_all()
        invited = await invite(connection, email, Role.OWNER, by=_ACTOR, now=clock.now())
        try:
            write_atomic(path, f"{invited.token}\n".encode(), 0o600)
        except OSError as error:
            raise StopError(f"can't write {path}: {error.strerror}") from None
    until = format_time(invited.invitation.expires_at)
    return {"id": invited.invitation.id, "email": email, "tokenFile": str(path), "until": until}


async def _reset(database: Database, email: str, clock: Clock) -> dict[str, Any]:
    async with database.transaction() as connection:
        users = PostgresUsers(connection)
        user = await users.by_email(email)
        if user is None:
            raise StopError(f"no user {email}")
        await users.remove_totp(user.id)
        await PostgresAudit(connection).record(
            "second_factor_reset", user.id, actor=_ACTOR, at=clock.now()
        )
    return {"id": user.id, "email": email, "hadSecondFactor": user.two_factor}


def _checked(text: str) -> str:
    email = text.strip().lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise StopError(f"not an e-mail address: {text}")
    return email
