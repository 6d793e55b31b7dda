"""Lines on their way to the cloud: kept until it has acknowledged them, within a bound."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate

from iotistic_agent.adapters.store.database import Database
from iotistic_agent.adapters.store.sync import Sync
from iotistic_agent.outgoing import Bound, OutgoingLine, Waiting, cut_to, rank_of, text_of
from iotistic_contract.lanes import Lane

__all__ = ["Outbox"]

_OVERHEAD = 64
"""What a row takes beside its text, in bytes."""
_MOST_SET_ASIDE = 64 * 1024


class Outbox:
    """The tables ``outbox``, ``lost_lines`` and ``log_cursors``; one thread uses it.

    A lane's stream begins a new epoch with its first line after each start.
    """

    def __init__(self, database: Database, sync: Sync, bound: Bound) -> None:
        self._database = database
        self._sync = sync
        self._bound = bound
        self._marks: dict[Lane, tuple[str, int, int]] = {}
        rows = database.rows("SELECT lane, count(*), total(size) FROM outbox GROUP BY lane")
        self._rows = Counter({Lane(lane): count for lane, count, _ in rows})
        self._size = int(sum(size for _, _, size in rows))

    def add(
        self,
        lane: Lane,
        lines: Sequence[OutgoingLine],
        new_stream: Callable[[], str],
        cursors: Mapping[str, str] | None = None,
    ) -> int:
        """Store ``lines``, and how far ``cursors`` the logs were read, in one transaction.

        Return how many lines were dropped to make room; what is too long for the wire is one.
        sqlite3.Error when the disk takes nothing: then nothing has changed.
        """
        stream, epoch, sequence = self._mark(lane, new_stream) if lines else ("", 0, 0)
        rows, too_long = [], 0
        for line in lines:
            text = text_of(line, stream, epoch, sequence + 1)
            too_long += text is None
            if text is not None:
                sequence += 1
                rows.append((str(lane), rank_of(lane, line.level), text, len(text) + _OVERHEAD))
        with self._change():
            for row in rows:
                self._database.run(
                    "INSERT INTO outbox (lane, rank, line, size) VALUES (?, ?, ?, ?)", *row
                )
            for service, at in (cursors or {}).items():
                self._database.run("INSERT OR REPLACE INTO log_cursors VALUES (?, ?)", service, at)
            self._rows[lane] += len(rows)
            self._size += sum(row[3] for row in rows)
            self._count_lost(lane, "dropped", too_long)
            dropped = self._make_room()
        if lines:
            self._marks[lane] = (stream, epoch, sequence)
        return dropped + too_long

    def batch(self, lane: Lane, rows: int, size: int) -> list[Waiting]:
        """Return the oldest lines of a lane: at most ``rows`` of at most ``size`` bytes, or one."""
        taken: list[Waiting] = []
        total = 0
        for row in self._database.rows(
            "SELECT id, size, line FROM outbox WHERE lane = ? ORDER BY id LIMIT ?", lane, rows
        ):
            total += row[1]
            if taken and total > size:
                break
            taken.append(Waiting(*row))
        return taken

    def remove(self, lines: Iterable[Waiting]) -> None:
        """Forget lines that the cloud has acknowledged."""
        with self._change():
            self._delete(lines)

    def set_aside(self, lane: Lane, lines: Sequence[Waiting], status: int, answer: str) -> None:
        """Keep lines that the cloud refused beside its answer, never to be sent again.

        Of many only the first ones are kept, up to 64 KiB.
        """
        kept = [
            json.loads(line.text)
            for line, end in zip(lines, accumulate(each.size for each in lines), strict=True)
            if line is lines[0] or end <= _MOST_SET_ASIDE
        ]
        self._sync.set_aside(lane, kept, status, answer)
        with self._change():
            self._delete(lines)
            self._count_lost(lane, "refused", len(lines))

    def waiting(self) -> dict[Lane, int]:
        """Return how many lines wait, by lane; lanes without any are left out."""
        return {lane: count for lane, count in self._rows.items() if count}

    def lost(self, reason: str) -> dict[str, int]:
        """Return how many lines were ever ``dropped`` or ``refused``, by lane."""
        return dict(
            self._database.rows("SELECT lane, count FROM lost_lines WHERE reason = ?", reason)
        )

    def count_dropped(self, lane: Lane, count: int) -> None:
        """Note lines that were dropped before they came here."""
        self._count_lost(lane, "dropped", count)

    def cursors(self) -> dict[str, str]:
        """Return the engine's time of the last line read, by service."""
        return dict(self._database.rows("SELECT service, at FROM log_cursors"))

    def forget_cursors(self, services: Iterable[str]) -> None:
        """Forget how far the logs of these services were read."""
        for service in services:
            self._database.run("DELETE FROM log_cursors WHERE service = ?", service)

    def _mark(self, lane: Lane, new_stream: Callable[[], str]) -> tuple[str, int, int]:
        mark = self._marks.get(lane)
        if mark is None:
            mark = self._marks[lane] = (*self._sync.next_epoch(lane, new_stream), 0)
        return mark

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Make one change; the sums stay true when it fails."""
        before = self._rows.copy(), self._size
        try:
            with self._database.transaction():
                yield
        except BaseException:
            self._rows, self._size = before
            raise

    def _make_room(self) -> int:
        """Drop what is over the bound, and return how much that was."""
        over = (self._rows.total() - self._bound.rows, self._size - self._bound.size)
        if max(over) <= 0:
            return 0
        stored = self._database.each("SELECT rank, id, size FROM outbox ORDER BY rank, id")
        dropped = 0
        for cut in cut_to(stored, *over):
            gone = self._database.rows(
                "DELETE FROM outbox WHERE rank = ? AND id <= ? RETURNING lane, size",
                cut.rank,
                cut.id,
            )
            for lane, size in gone:
                self._forgot(Lane(lane), size)
            self._count_lost(Lane(gone[0][0]), "dropped", len(gone))
            dropped += len(gone)
        return dropped

    def _delete(self, lines: Iterable[Waiting]) -> None:
        for line in lines:
            for lane, size in self._database.rows(
                "DELETE FROM outbox WHERE id = ? RETURNING lane, size", line.id
            ):
                self._forgot(Lane(lane), size)

    def _forgot(self, lane: Lane, size: int) -> None:
        self._rows[lane] -= 1
        self._size -= size

    def _count_lost(self, lane: Lane, reason: str, count: int) -> None:
        if count:
            self._database.run(
                "INSERT INTO lost_lines VALUES (?, ?, ?)"
                " ON CONFLICT (lane, reason) DO UPDATE SET count = count + excluded.count",
                lane,
                reason,
                count,
            )
