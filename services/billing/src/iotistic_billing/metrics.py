"""What billing counts, read from its database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

    from iotistic_kit.db import Database

__all__ = ["Counts"]

# Never-deleted rows make these rise only.
_LICENSES = "SELECT reason, count(*) FROM license_history GROUP BY reason ORDER BY reason"
_ENDED = """SELECT kind, status, count(*) FROM work
    WHERE status IN ('succeeded', 'failed', 'canceled') GROUP BY kind, status ORDER BY 1, 2"""
_WAITING = """SELECT kind, status, count(*) FROM work
    WHERE status IN ('queued', 'running') GROUP BY kind, status ORDER BY 1, 2"""
_CUSTOMERS = "SELECT plan, status, count(*) FROM subscriptions GROUP BY plan, status ORDER BY 1, 2"


class Counts:
    """Metrics of customers, licenses and jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def collect(self) -> Iterable[Metric]:
        """Return all families."""
        customers = GaugeMetricFamily(
            "iotistic_billing_customers", "Customers", labels=["plan", "subscription_status"]
        )
        waiting = GaugeMetricFamily(
            "iotistic_billing_jobs_waiting", "Jobs queued or running", labels=["kind", "status"]
        )
        ended = CounterMetricFamily(
            "iotistic_billing_jobs", "Jobs that have ended", labels=["kind", "status"]
        )
        licenses = CounterMetricFamily(
            "iotistic_billing_licenses", "Licenses made", labels=["reason"]
        )
        by_query: list[tuple[str, GaugeMetricFamily | CounterMetricFamily]] = [
            (_CUSTOMERS, customers),
            (_WAITING, waiting),
            (_ENDED, ended),
            (_LICENSES, licenses),
        ]
        async with self._database.connection() as connection:
            for query, family in by_query:
                cursor = await connection.execute(query.encode())
                for *labels, count in await cursor.fetchall():
                    family.add_metric(labels, float(count))
        return [family for _, family in by_query]
