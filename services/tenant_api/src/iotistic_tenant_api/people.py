"""The people's part of the application: its resources, and where they answer."""

from dataclasses import dataclass

from iotistic_kit.app import ServiceApp
from iotistic_tenant_api.resources.invitations import (
    AcceptedInvitations,
    Invitations,
    InvitationsSeen,
)
from iotistic_tenant_api.resources.own_account import Me, OwnPassword, OwnSessions, OwnTotp
from iotistic_tenant_api.resources.sign_in import Logins, Logouts, Refreshes
from iotistic_tenant_api.resources.users import AuditLog, Users, UserSignOuts

__all__ = ["People"]


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everything that answers about people."""

    logins: Logins
    refreshes: Refreshes
    logouts: Logouts
    me: Me
    own_password: OwnPassword
    own_totp: OwnTotp
    own_sessions: OwnSessions
    users: Users
    user_sign_outs: UserSignOuts
    audit_log: AuditLog
    invitations: Invitations
    invitations_seen: InvitationsSeen
    accepted_invitations: AcceptedInvitations

    def add_to(self, app: ServiceApp) -> None:
        """Add the routes."""
        self._add_auth_to(app)
        users, invitations = "/api/v1/users", "/api/v1/invitations"
        app.add_route(users, self.users)
        app.add_route(f"{users}/{{user_id}}", self.users, suffix="one")
        app.add_route(f"{users}/{{user_id}}/sign-out", self.user_sign_outs)
        app.add_route(invitations, self.invitations)
        app.add_route(f"{invitations}/look", self.invitations_seen)
        app.add_route(f"{invitations}/accept", self.accepted_invitations)
        app.add_route(f"{invitations}/{{invitation_id}}", self.invitations, suffix="one")
        app.add_route("/api/v1/audit-log", self.audit_log)

    def _add_auth_to(self, app: ServiceApp) -> None:
        auth = "/api/v1/auth"
        app.add_route(f"{auth}/login", self.logins)
        app.add_route(f"{auth}/refresh", self.refreshes)
        app.add_route(f"{auth}/logout", self.logouts)
        app.add_route(f"{auth}/me", self.me)
        app.add_route(f"{auth}/password", self.own_password)
        app.add_route(f"{auth}/totp", self.own_totp)
        app.add_route(f"{auth}/totp/confirm", self.own_totp, suffix="confirm")
        app.add_route(f"{auth}/totp/remove", self.own_totp, suffix="remove")
        app.add_route(f"{auth}/sessions", self.own_sessions)
        app.add_route(f"{auth}/sessions/{{session_id}}", self.own_sessions, suffix="one")
