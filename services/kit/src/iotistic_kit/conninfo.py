"""Connection strings: our time limits put in, secrets left out of what is said."""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from .errors import StopError

__all__ = ["DatabaseUnreachableError", "check", "first_line", "where", "with_defaults"]

_DEFAULTS = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "options": "-c idle_in_transaction_session_timeout=20000",
}


class DatabaseUnreachableError(StopError):
    """The database doesn't answer, or refuses us; says where it was looked for."""

    def __init__(self, conninfo: str, reason: str) -> None:
        super().__init__(f"no database at {where(conninfo)}: {reason}; start it, or correct DB_*")


def with_defaults(conninfo: str, name: str) -> str:
    """Return ``conninfo`` with our time limits where it has none of its own."""
    given = conninfo_to_dict(conninfo)
    return make_conninfo(conninfo, **{"application_name": name, **_DEFAULTS, **_texts(given)})


def where(conninfo: str) -> str:
    """Return host, port and database of ``conninfo``, without user and password."""
    told = conninfo_to_dict(conninfo)
    return f"{told.get('host', '')}:{told.get('port', 5432)}/{told.get('dbname', '')}"


def first_line(exc: BaseException) -> str:
    """Return what ``exc`` says, on one line."""
    return str(exc).strip().partition("\n")[0]


def _texts(given: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in given.items() if value is not None}


def check(conninfo: str) -> str:
    """Return ``conninfo``; ValueError, without repeating it, when it isn't one."""
    try:
        conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        raise ValueError("not a PostgreSQL connection string") from None
    return conninfo
