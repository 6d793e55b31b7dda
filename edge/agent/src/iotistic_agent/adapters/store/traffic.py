"""Bytes on the link, kept by month."""

from collections.abc import Mapping

from iotistic_agent.adapters.store.database import Database

__all__ = ["TrafficLedger"]

_MONTHS_KEPT = 12


class TrafficLedger:
    """The table ``traffic``; a month is its first seven characters in UTC, as ``2026-01``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, counts: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        """Add bytes sent and received, by month and lane; the newest twelve months stay."""
        with self._database.transaction():
            for (month, lane), (sent, received) in counts.items():
                self._database.run(
                    "INSERT INTO traffic VALUES (?, ?, ?, ?) ON CONFLICT (month, lane) DO UPDATE"
                    " SET sent = sent + excluded.sent, received = received + excluded.received",
                    month,
                    lane,
                    sent,
                    received,
                )
            self._database.run(
                "DELETE FROM traffic WHERE month NOT IN"
                " (SELECT DISTINCT month FROM traffic ORDER BY month DESC LIMIT ?)",
                _MONTHS_KEPT,
            )

    def of(self, month: str) -> dict[str, tuple[int, int]]:
        """Return bytes sent and received in a month, by lane."""
        rows = self._database.rows(
            "SELECT lane, sent, received FROM traffic WHERE month = ?", month
        )
        return {lane: (sent, received) for lane, sent, received in rows}
