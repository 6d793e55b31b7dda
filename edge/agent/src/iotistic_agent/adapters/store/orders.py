"""Orders that were taken, and the highest number of each kind."""

from dataclasses import dataclass

from iotistic_agent.adapters.store.database import Database
from iotistic_contract.codec import format_time
from iotistic_contract.orders import Order, OrderKind
from iotistic_contract.times import parse_time

__all__ = ["MOST_ORDERS", "Orders", "Taken"]

MOST_ORDERS = 20
_TAKEN = "SELECT id, version, sha256, allowDowngrade, expires, status, output FROM orders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """An upgrade that was taken; ``status`` is running, succeeded or failed."""

    id: str
    version: str
    sha256: str
    allow_downgrade: bool
    expires: str
    status: str
    output: str | None

    @property
    def expires_at(self) -> float:
        """Return until when it may be done, in seconds since 1970."""
        return parse_time(self.expires).timestamp()


class Orders:
    """The tables ``orders`` and ``order_counters``; what counts belongs to one registration."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counters(self, registration: str) -> dict[str, int]:
        """Return the number of the last order by kind."""
        rows = self._database.rows(
            "SELECT kind, counter FROM order_counters WHERE registration = ?", registration
        )
        return dict(rows)

    def take(self, order: Order) -> None:
        """Keep the order with its number, in one change; it takes the place of one under way."""
        with self._database.transaction():
            self._database.run(
                "INSERT INTO order_counters VALUES (?, ?, ?) ON CONFLICT (registration, kind)"
                " DO UPDATE SET counter = excluded.counter",
                order.registration,
                str(order.kind),
                order.counter,
            )
            self._database.run(
                "DELETE FROM orders WHERE kind = ? AND status = 'running'", str(order.kind)
            )
            self._database.run(
                "INSERT INTO orders (id, registration, kind, version, sha256, allowDowngrade,"
                " expires, status, takenAt) VALUES (?, ?, ?, ?, ?, ?, ?, 'running', ?)",
                order.id,
                order.registration,
                str(order.kind),
                order.version,
                order.sha256,
                int(order.allow_downgrade),
                format_time(order.expires),
                self._database.now(),
            )
            self._database.run(
                "DELETE FROM orders WHERE number <= (SELECT max(number) FROM orders) - ?",
                MOST_ORDERS,
            )

    def upgrade(self, registration: str) -> Taken | None:
        """Return the upgrade that is under way."""
        return self._one(
            f"{_TAKEN} WHERE registration = ? AND kind = ? AND status = 'running'",
            registration,
            str(OrderKind.UPGRADE),
        )

    def find(self, registration: str, order_id: str) -> Taken | None:
        """Return an order that was taken, by its id."""
        return self._one(f"{_TAKEN} WHERE registration = ? AND id = ?", registration, order_id)

    def end(self, order_id: str, status: str, output: str | None) -> None:
        """Note how an order ended; the cloud is to be told."""
        self._database.run(
            "UPDATE orders SET status = ?, output = ?, acknowledged = 0 WHERE id = ?",
            status,
            output,
            order_id,
        )

    def untold(self, registration: str) -> list[Taken]:
        """Return the orders whose status the cloud hasn't acknowledged, oldest first."""
        query = f"{_TAKEN} WHERE registration = ? AND acknowledged = 0 ORDER BY number"
        return [_taken(row) for row in self._database.rows(query, registration)]

    def tell_again(self, order_id: str) -> None:
        """Have the cloud told once more."""
        self._database.run("UPDATE orders SET acknowledged = 0 WHERE id = ?", order_id)

    def told(self, order: Taken) -> None:
        """Note that the cloud knows this status of an order."""
        self._database.run(
            "UPDATE orders SET acknowledged = 1 WHERE id = ? AND status = ?",
            order.id,
            order.status,
        )

    def _one(self, query: str, *values: object) -> Taken | None:
        row = self._database.row(query, *values)
        return None if row is None else _taken(row)


def _taken(row: tuple[str, str, str, int, str, str, str | None]) -> Taken:
    return Taken(
        id=row[0],
        version=row[1],
        sha256=row[2],
        allow_downgrade=bool(row[3]),
        expires=row[4],
        status=row[5],
        output=row[6],
    )
