"""Bodies of the people's part of this API."""

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from iotistic_tenant_api.domain.people import Role
from iotistic_tenant_api.schemas import Body, Time, Title, Uuid

__all__ = [
    "AcceptBody",
    "InvitationBody",
    "InvitationCreated",
    "InvitationPage",
    "InvitationView",
    "LoginBody",
    "MeView",
    "NewInvitation",
    "PersonPage",
    "RefreshBody",
    "SeenInvitation",
    "SignedInView",
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
