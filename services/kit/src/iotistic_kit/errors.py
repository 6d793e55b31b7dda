"""What a service raises on purpose; standard library only, so that ``domain/`` may import it."""

from collections.abc import Mapping, Sequence

__all__ = ["DomainError", "KitError", "Problem", "StopError"]


class KitError(Exception):
    """Root of everything that the kit raises on purpose."""


class StopError(KitError):
    """The program can't go on: ``str()`` is one line that says what to do about it."""

    def __init__(self, message: str, *, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Problem(KitError):  # noqa: N818 -- RFC 9457's own word
    """One problem+json answer (RFC 9457).

    ``code`` is a word of the contract, ``errors`` are ``{"pointer", "detail"}`` objects, and
    ``members`` are further members of the answer, such as ``limit`` and ``use``.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        super().__init__(detail or code)
        self.status, self.code, self.detail = status, str(code), detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.members = members


class DomainError(Problem):
    """A rule of a domain that was broken; subclasses say ``status`` and ``code`` once."""

    status: int = 422
    code: str = "invalid"

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        kind = type(self)
        super().__init__(kind.status, kind.code, detail, errors=errors, headers=headers, **members)
