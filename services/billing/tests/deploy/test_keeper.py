"""What is stored of a run's progress while it goes on, when it ends, and when nothing was said."""

import pytest

from iotistic_billing.deploy.keeper import Keeper


class MemoryQueue:
    def __init__(self):
        self.lines, self.stored = [], []

    async def log(self, _job, lines):
        self.lines += lines

    async def progress(self, _job, progress):
        self.stored.append(progress)


class Held:
    job = None


@pytest.mark.parametrize(
    ("usual", "totals"),
    [(None, [None, None, None]), (2, [2, 2, 3]), (9, [9, 9, 9])],
    ids=["first-run", "more-than-last-time", "less-than-last-time"],
)
async def test_an_estimate_is_never_below_what_was_done_and_the_end_is_the_truth(usual, totals):
    queue = MemoryQueue()
    keeper = Keeper(queue, Held(), None, usual)
    for done in (1, 2, 3):
        keeper.hear({"progress": {"done": done, "task": f"T{done}"}})
        await keeper.tell()
    keeper.hear({"line": "the last word"})

    await keeper.conclude()

    running = [
        {"done": done, "task": f"T{done}", "total": total}
        for done, total in zip((1, 2, 3), totals, strict=True)
    ]
    assert queue.stored == [*running, {"done": 3, "task": "T3", "total": 3}]
    assert queue.lines == ["the last word"]


async def test_a_run_that_said_nothing_has_no_progress():
    queue = MemoryQueue()

    await Keeper(queue, Held(), None, 4).conclude()

    assert (queue.stored, queue.lines) == ([], [])
