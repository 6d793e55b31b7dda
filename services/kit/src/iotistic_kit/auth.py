"""Who calls, and whether they may: principals, authenticators, and access that denies by default.

A route says its ``Access`` in ``@operation``. A route without one can't be added to a service.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from falcon.asgi import Request

from .errors import Problem

__all__ = [
    "ANONYMOUS",
    "PUBLIC",
    "Access",
    "Authenticator",
    "Kind",
    "Need",
    "Principal",
    "authenticate",
    "bearer",
    "needs",
]

Kind = Literal["anonymous", "person", "device", "service", "admin", "customer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who calls: ``id`` is a device's uuid, a customer's id, or what a token names as ``sub``."""

    kind: Kind
    id: str = ""
    scopes: frozenset[str] = frozenset()
    customer_id: str | None = None
    facts: tuple[tuple[str, str], ...] = ()

    def fact(self, name: str) -> str | None:
        """Return what the authenticator noted as ``name``, such as a registration or key id."""
        return dict(self.facts).get(name)


ANONYMOUS = Principal(kind="anonymous")


class Authenticator(Protocol):
    """Tells a principal by one kind of credential."""

    async def authenticate(self, req: Request) -> Principal | None:
        """Return who calls, None without a credential of this kind; raise Problem 401 if bad."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One way in: a kind of principal, a scope it must hold, a path parameter that is its id."""

    kind: Kind
    scope: str | None = None
    owns: str | None = None

    def admits(self, who: Principal, params: dict[str, str]) -> bool:
        """Tell whether ``who`` may come in this way."""
        return (
            who.kind == self.kind
            and (self.scope is None or self.scope in who.scopes)
            and (self.owns is None or params.get(self.owns) == who.id)
        )


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route: everyone when ``public``, else whom one of the needs admits."""

    needs: tuple[Need, ...] = ()
    public: bool = False

    def __or__(self, other: "Access") -> "Access":
        return Access((*self.needs, *other.needs), self.public or other.public)

    def check(self, who: Principal, params: dict[str, str]) -> None:
        """Raise 401 for a caller without a name, 403 for one who may not."""
        if self.public or any(need.admits(who, params) for need in self.needs):
            return
        if who.kind == "anonymous":
            headers = {"WWW-Authenticate": "Bearer"}
            raise Problem(401, "unauthorized", "credentials are missing", headers=headers)
        scopes = sorted({need.scope for need in self.needs if need.scope})
        wanted = f"; it takes the scope {' or '.join(scopes)}" if scopes else ""
        raise Problem(403, "forbidden", f"these credentials don't reach this{wanted}")


PUBLIC = Access(public=True)


def needs(kind: Kind, *, scope: str | None = None, owns: str | None = None) -> Access:
    """Return the access of one kind of principal; join several with ``|``.

    ``scope`` must be among its scopes, and the path parameter ``owns`` must be its id.
    """
    return Access((Need(kind=kind, scope=scope, owns=owns),))


@dataclass(frozen=True, slots=True)
class authenticate:  # noqa: N801 -- reads as a verb where it is called
    """Ask each authenticator in turn; the first who knows the caller decides."""

    authenticators: Sequence[Authenticator] = field(default=())

    async def __call__(self, req: Request) -> Principal:
        """Return the principal of ``req``, ANONYMOUS when it has no credential at all."""
        for authenticator in self.authenticators:
            principal = await authenticator.authenticate(req)
            if principal is not None:
                return principal
        return ANONYMOUS


def bearer(req: Request) -> str | None:
    """Return the token of ``Authorization: Bearer``, None without one; 401 for a broken header."""
    header = req.get_header("Authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token or token != token.strip() or "," in token:
        headers = {"WWW-Authenticate": "Bearer"}
        raise Problem(401, "unauthorized", "Authorization isn't a bearer token", headers=headers)
    return token
