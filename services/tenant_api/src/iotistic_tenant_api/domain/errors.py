"""Refusals of this API: problems whose facts the domain knows."""

from __future__ import annotations

from iotistic_kit.errors import Problem

__all__ = ["Refused"]


class Refused(Problem):
    """A request answered with `status` and the word `code` of the wire's list.

    `pointer` names the offending member of the body, `retry_after` is in whole seconds, `facts`
    become members of the problem document.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        pointer: str | None = None,
        retry_after: int | None = None,
        **facts: object,
    ) -> None:
        errors = [] if pointer is None else [{"pointer": pointer, "detail": detail}]
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        super().__init__(status, code, detail, errors=errors, headers=headers, **facts)
