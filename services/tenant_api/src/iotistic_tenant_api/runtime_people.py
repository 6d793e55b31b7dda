"""Builds the people's part of one worker; runtime.py calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argon2 import PasswordHasher

from iotistic_tenant_api.people import People
from iotistic_tenant_api.resources import invitations, own_account, sign_in, users
from iotistic_tenant_api.resources.forwarding import Forwarding
from iotistic_tenant_api.security.data_key import read_data_key
from iotistic_tenant_api.security.passwords import Passwords
from iotistic_tenant_api.security.second_factor import SecondFactor
from iotistic_tenant_api.usecases.invitations import AcceptInvitation, InvitationDesk
from iotistic_tenant_api.usecases.keep_users import UserDesk
from iotistic_tenant_api.usecases.own_account import OwnAccount, PasswordCheck
from iotistic_tenant_api.usecases.second_factor import OwnSecondFactor
from iotistic_tenant_api.usecases.sessions import Sessions
from iotistic_tenant_api.usecases.sign_in import SignIn
from iotistic_tenant_api.usecases.tries import Tries

if TYPE_CHECKING:
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.live.licensing import Licensing
    from iotistic_tenant_api.settings import TenantSettings

__all__ = ["build_people"]

ISSUER = "Iotistic"


def build_people(
    settings: TenantSettings, database: Database, licensing: Licensing, clock: Clock
) -> People:
    """Return what answers about people."""
    key = read_data_key(settings.data_key_file)
    passwords, tries = Passwords(PasswordHasher()), Tries(database, clock)
    factor = SecondFactor(key, ISSUER)
    clients = sign_in.Clients(Forwarding(settings.shared_proxy_secret))
    sessions = Sessions(database, key, clock)
    accept = AcceptInvitation(
        database=database, passwords=passwords, licensing=licensing, tries=tries, clock=clock
    )
    enter = SignIn(database=database, passwords=passwords, factor=factor, tries=tries, clock=clock)
    check = PasswordCheck(database, passwords, tries)
    account = OwnAccount(database, passwords, check, clock)
    totp = OwnSecondFactor(database=database, factor=factor, check=check, tries=tries, clock=clock)
    desk = UserDesk(database, licensing, clock)
    return People(
        logins=sign_in.Logins(enter, clients),
        refreshes=sign_in.Refreshes(sessions, clients),
        logouts=sign_in.Logouts(sessions),
        me=own_account.Me(account),
        own_password=own_account.OwnPassword(account),
        own_totp=own_account.OwnTotp(totp),
        own_sessions=own_account.OwnSessions(account),
        users=users.Users(database, desk),
        user_sign_outs=users.UserSignOuts(desk),
        audit_log=users.AuditLog(database),
        invitations=invitations.Invitations(
            database, InvitationDesk(database, licensing, clock), clock
        ),
        invitations_seen=invitations.InvitationsSeen(accept, clients),
        accepted_invitations=invitations.AcceptedInvitations(accept, clients),
    )
