"""People with an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from iotistic_tenant_api.domain.people import Role, User

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["PostgresUsers"]

_USER = """id::text AS id, email, name, role, password_hash, totp_secret, totp_offered_at,
           totp_confirmed_at, totp_last_step, recovery_hashes, created_at, last_login_at,
           disabled_at"""
_LOCK = 0x75736572  # "user"


class PostgresUsers:
    """Users by id or e-mail; removed ones are never returned."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock_all(self) -> None:
        """Let no other transaction count, add, change or remove people until this one's end."""
        await self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))

    async def by_email(self, email: str) -> User | None:
        """Return the user of a lower-case address."""
        return await self._one("email = %s", email, lock=False)

    async def get(self, user_id: str, *, lock: bool = False) -> User | None:
        """Return the user, its row locked when asked."""
        return await self._one("id = %s", user_id, lock=lock)

    async def _one(self, condition: str, value: str, *, lock: bool) -> User | None:
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                f"SELECT {_USER} FROM users WHERE {condition} AND removed_at IS NULL"  # noqa: S608
                f" {'FOR UPDATE' if lock else ''}",
                (value,),
            )
            row = await cursor.fetchone()
        return None if row is None else _user(row)

    async def page(self, after: str | None, limit: int) -> list[User]:
        """Return up to `limit` users by e-mail, those that follow the user `after`."""
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                f"""SELECT {_USER} FROM users
                    WHERE removed_at IS NULL AND (%(after)s::uuid IS NULL
                          OR email > (SELECT email FROM users WHERE id = %(after)s::uuid))
                    ORDER BY email LIMIT %(limit)s""",  # noqa: S608 - constant
                {"after": after, "limit": limit},
            )
            return [_user(row) for row in await cursor.fetchall()]

    async def count(self) -> int:
        """Return how many people have an account."""
        return await self._number("SELECT count(*) FROM users WHERE removed_at IS NULL")

    async def owners(self) -> int:
        """Return how many owners can sign in."""
        return await self._number(
            """SELECT count(*) FROM users
               WHERE role = 'owner' AND disabled_at IS NULL AND removed_at IS NULL"""
        )

    async def _number(self, statement: str) -> int:
        cursor = await self._connection.execute(statement)
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def add(self, user: User) -> None:
        """Store a new user."""
        await self._connection.execute(
            """INSERT INTO users (id, email, name, role, password_hash, created_at)
               VALUES (%s, %s, %s, %s, %s, %s)""",
            (user.id, user.email, user.name, str(user.role), user.password_hash, user.created_at),
        )

    async def change(self, user_id: str, changes: Mapping[str, Any]) -> None:
        """Set name, role and disabled_at as far as `changes` has them."""
        await self._connection.execute(
            """UPDATE users SET name = CASE WHEN %(has_name)s THEN %(name)s ELSE name END,
                   role = CASE WHEN %(has_role)s THEN %(role)s ELSE role END,
                   disabled_at = CASE WHEN %(has_disabled_at)s THEN %(disabled_at)s
                                      ELSE disabled_at END
               WHERE id = %(id)s""",
            {
                "id": user_id,
                **{f"has_{name}": name in changes for name in ("name", "role", "disabled_at")},
                **{name: changes.get(name) for name in ("name", "role", "disabled_at")},
            },
        )

    async def remove(self, user_id: str, at: datetime) -> None:
        """Remove the account for good; its secrets go at once."""
        await self._connection.execute(
            """UPDATE users SET removed_at = %s, password_hash = '', totp_secret = NULL,
                   totp_confirmed_at = NULL, recovery_hashes = '{}' WHERE id = %s""",
            (at, user_id),
        )

    async def signed_in(self, user_id: str, at: datetime) -> None:
        """Note that the user came in."""
        await self._connection.execute(
            "UPDATE users SET last_login_at = %s WHERE id = %s", (at, user_id)
        )

    async def set_password(self, user_id: str, password_hash: str) -> None:
        """Replace the password."""
        await self._connection.execute(
            "UPDATE users SET password_hash = %s WHERE id = %s", (password_hash, user_id)
        )

    async def offer_totp(self, user_id: str, sealed: bytes, at: datetime) -> None:
        """Keep a secret that counts once a code of it was shown."""
        await self._connection.execute(
            """UPDATE users SET totp_secret = %s, totp_offered_at = %s, totp_last_step = 0
               WHERE id = %s""",
            (sealed, at, user_id),
        )

    async def confirm_totp(
        self, user_id: str, at: datetime, recovery_hashes: Sequence[bytes]
    ) -> None:
        """Have every sign-in take a code from now on."""
        await self._connection.execute(
            "UPDATE users SET totp_confirmed_at = %s, recovery_hashes = %s WHERE id = %s",
            (at, list(recovery_hashes), user_id),
        )

    async def remove_totp(self, user_id: str) -> None:
        """Have a password suffice."""
        await self._connection.execute(
            """UPDATE users SET totp_secret = NULL, totp_confirmed_at = NULL, totp_last_step = 0,
                   recovery_hashes = '{}' WHERE id = %s""",
            (user_id,),
        )

    async def take_step(self, user_id: str, step: int) -> bool:
        """Use up a time step; False when it, or a later one, was used before."""
        cursor = await self._connection.execute(
            "UPDATE users SET totp_last_step = %s WHERE id = %s AND totp_last_step < %s",
            (step, user_id, step),
        )
        return cursor.rowcount == 1

    async def take_recovery(self, user_id: str, digest: bytes) -> bool:
        """Use up a recovery code; False when there is none such."""
        cursor = await self._connection.execute(
            """UPDATE users SET recovery_hashes = array_remove(recovery_hashes, %s)
               WHERE id = %s AND %s = ANY (recovery_hashes)""",
            (digest, user_id, digest),
        )
        return cursor.rowcount == 1


def _user(row: Mapping[str, Any]) -> User:
    secret = row["totp_secret"]
    return User(
        **{
            **row,
            "role": Role(row["role"]),
            "totp_secret": None if secret is None else bytes(secret),
            "recovery_hashes": tuple(bytes(one) for one in row["recovery_hashes"]),
        }
    )
