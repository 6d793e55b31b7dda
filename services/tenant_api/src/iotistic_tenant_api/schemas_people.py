"""Bodies of the people's part of this API."""

from typing import Annotated, Any

from pydantic import Field, SecretStr, StringConstraints

from iotistic_tenant_api.domain.people import Role
from iotistic_tenant_api.schemas import Body, Time, Title, Uuid

__all__ = [
    "AcceptBody",
    "AuditPage",
    "AuditQuery",
    "AuditView",
    "CodeBody",
    "InvitationBody",
    "InvitationCreated",
    "InvitationPage",
    "InvitationView",
    "LoginBody",
    "MeView",
    "NewInvitation",
    "OwnChanges",
    "PasswordBody",
    "PasswordChange",
    "PersonPage",
    "RecoveryCodes",
    "RefreshBody",
    "SeenInvitation",
    "SessionList",
    "SessionView",
    "SignedInView",
    "TotpOffer",
    "TotpRemoval",
    "UserChanges",
    "UserPage",
    "UserView",
]

Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f.]+$",
    ),
]
Password = Annotated[SecretStr, Field(max_length=256)]
Token = Annotated[SecretStr, Field(max_length=200)]
Code = Annotated[SecretStr, Field(max_length=40)]


class LoginBody(Body):
    """E-mail address and password, and a code of the second factor where it is on."""

    email: Email
    password: Password
    code: Code | None = None


class RefreshBody(Body):
    """A refresh token."""

    refresh_token: Token


class UserView(Body):
    """A person with an account."""

    id: str
    email: str
    name: str
    role: Role
    two_factor: bool
    disabled: bool
    created_at: Time
    last_login_at: Time | None


class SignedInView(Body):
    """Tokens of a session; `expiresIn` is the access token's, in seconds."""

    access_token: str
    expires_in: int
    refresh_token: str
    user: UserView


class MeView(UserView):
    """The caller: its session, and what its role reaches."""

    recovery_codes_left: int
    session_id: str
    scopes: list[str]


class PersonPage(Body):
    """Which part of a list: what follows the id `after`, at most `limit` items."""

    after: Uuid | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class NewInvitation(Body):
    """Somebody to be invited."""

    email: Email
    role: Role


class InvitationView(Body):
    """An open invitation."""

    id: str
    email: str
    role: Role
    created_by: str
    created_at: Time
    expires_at: Time


class InvitationCreated(Body):
    """A new invitation; the token is shown this once."""

    id: str
    email: str
    role: Role
    expires_at: Time
    token: str


class InvitationPage(Body):
    """Some open invitations, and where the next ones begin."""

    items: list[InvitationView]
    next: str | None


class InvitationBody(Body):
    """An invitation's token."""

    token: Token


class SeenInvitation(Body):
    """What an invitation is for."""

    email: str
    role: Role
    expires_at: Time


class AcceptBody(Body):
    """The token with what its bearer chose."""

    token: Token
    name: Title
    password: Password


class OwnChanges(Body):
    """What people may change of their own account."""

    name: Title


class PasswordChange(Body):
    """The password of before, and the one from now on."""

    current: Password
    new: Password


class PasswordBody(Body):
    """The password once more."""

    password: Password


class CodeBody(Body):
    """A code by time."""

    code: Code


class TotpRemoval(Body):
    """Both factors once more; the code may be one for recovery."""

    password: Password
    code: Code


class TotpOffer(Body):
    """A new secret, in base32 and as the URI of a QR code; it counts once it is confirmed."""

    secret: str
    otpauth_uri: str


class RecoveryCodes(Body):
    """Codes for when the authenticator is lost, each good once; shown this once."""

    recovery_codes: list[str]


class SessionView(Body):
    """A session: where it began, and whether it is the caller's."""

    id: str
    created_at: Time
    last_used_at: Time
    address: str
    user_agent: str
    current: bool


class SessionList(Body):
    """The caller's sessions, the one used last first."""

    items: list[SessionView]


class UserPage(Body):
    """Some users by e-mail, and where the next ones begin."""

    items: list[UserView]
    next: str | None


class UserChanges(Body):
    """What is to change: absent is left alone."""

    name: Title | None = None
    role: Role | None = None
    disabled: bool | None = None


class AuditQuery(Body):
    """Which part of the audit log: older than the id `before`, by one actor, of one action."""

    before: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    actor: Annotated[str, StringConstraints(max_length=200)] | None = None
    action: Annotated[str, StringConstraints(max_length=64)] | None = None


class AuditView(Body):
    """Who did what to whom; `actorName` is the e-mail of a person."""

    id: str
    at: Time
    actor: str
    actor_name: str
    action: str
    subject: str
    detail: dict[str, Any]


class AuditPage(Body):
    """Some lines, newest first; `next` is the `before` of the following ones."""

    items: list[AuditView]
    next: str | None
