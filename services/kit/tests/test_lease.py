"""Holding a job: what ends the block, and that nothing else does."""

import asyncio
from datetime import timedelta

import pytest

from iotistic_kit.jobs import Job, LeaseLostError
from iotistic_kit.lease import JobCanceledError, holding

JOB = Job(id="1", kind="deploy", key="a", payload={}, attempt=1, fence=1)
RENEWAL = timedelta(seconds=0.02)


class MemoryHeartbeats:
    """A queue whose answers to heartbeats a test has written down."""

    def __init__(self, *answers, lease=0.2):
        self.answers, self.lease = list(answers), timedelta(seconds=lease)

    async def heartbeat(self, job):
        answer = self.answers.pop(0) if self.answers else False
        if answer == "silence":
            await asyncio.sleep(60)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def hold(queue, seconds=0.1, **options):
    async with holding(queue, JOB, renewal=RENEWAL, **options):
        await asyncio.sleep(seconds)
    return "ended well"


ENDINGS = [
    ([False, LeaseLostError(JOB)], LeaseLostError),
    ([LeaseLostError(JOB)], LeaseLostError),
    ([True], JobCanceledError),
    ([False, False, True], JobCanceledError),
    ([False, "silence"], LeaseLostError),
    ([False, *[OSError()] * 100], LeaseLostError),
]


@pytest.mark.parametrize(("answers", "ending"), ENDINGS)
async def test_what_ends_the_block(answers, ending):
    with pytest.raises(ending):
        await hold(MemoryHeartbeats(*answers), seconds=60)
    assert asyncio.current_task().cancelling() == 0


async def test_a_renewal_that_failed_once_ends_nothing():
    renewals = []
    queue = MemoryHeartbeats(False, OSError(), lease=5)
    assert await hold(queue, on_renewed=renewals.append) == "ended well"
    assert len(renewals) > 2


async def test_a_block_that_ends_by_itself_keeps_its_own_exception():
    with pytest.raises(ZeroDivisionError):
        async with holding(MemoryHeartbeats(), JOB, renewal=RENEWAL):
            await asyncio.sleep(1 / 0)


async def test_a_block_deaf_to_the_loss_is_told_at_its_end():
    async def deaf():
        async with holding(MemoryHeartbeats(False, LeaseLostError(JOB)), JOB, renewal=RENEWAL):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return

    with pytest.raises(LeaseLostError):
        await deaf()
    assert asyncio.current_task().cancelling() == 0


async def test_a_cancellation_from_outside_stays_one():
    task = asyncio.create_task(hold(MemoryHeartbeats(), seconds=60))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_end_of_the_whole_process_is_no_lost_lease():
    async def exiting():
        async with holding(MemoryHeartbeats(False, LeaseLostError(JOB)), JOB, renewal=RENEWAL):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                raise SystemExit(3) from None

    with pytest.raises(SystemExit):
        await exiting()
    asyncio.current_task().uncancel()
