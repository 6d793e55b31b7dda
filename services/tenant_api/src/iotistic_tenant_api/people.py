"""The people's part of the application: its resources, and where they answer."""

from dataclasses import dataclass

from iotistic_kit.app import ServiceApp
from iotistic_tenant_api.resources.invitations import (
    AcceptedInvitations,
    Invitations,
    InvitationsSeen,
)
from iotistic_tenant_api.resources.own_account import Me
from iotistic_tenant_api.resources.sign_in import Logins, Logouts, Refreshes

__all__ = ["People"]


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everything that answers about people."""

    logins: Logins
    refreshes: Refreshes
    logouts: Logouts
    me: Me
    invitations: Invitations
    invitations_seen: InvitationsSeen
    accepted_invitations: AcceptedInvitations

    def add_to(self, app: ServiceApp) -> None:
        """Add the routes."""
        auth, invitations = "/api/v1/auth", "/api/v1/invitations"
        app.add_route(f"{auth}/login", self.logins)
        app.add_route(f"{auth}/refresh", self.refreshes)
        app.add_route(f"{auth}/logout", self.logouts)
        app.add_route(f"{auth}/me", self.me)
        app.add_route(invitations, self.invitations)
        app.add_route(f"{invitations}/look", self.invitations_seen)
        app.add_route(f"{invitations}/accept", self.accepted_invitations)
        app.add_route(f"{invitations}/{{invitation_id}}", self.invitations, suffix="one")
