"""Killed, failing, without power, on a full disk: every sixth point of each change."""

import os
from itertools import cycle

import pytest

from edge.agent.tests.kills import CHANGES, COLUMNS, Disk, points_of, suffer

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk whose power it cuts"),
]
EVERY = 6


@pytest.mark.parametrize("name", CHANGES)
def test_it_ends_in_the_old_or_the_new_set_and_says_so(device, busybox, name):
    """The columns take turns, and begin elsewhere for each change; the benchmark does all."""
    change, offset = CHANGES[name], list(CHANGES).index(name)
    columns = cycle((*COLUMNS[offset % 4 :], *COLUMNS[: offset % 4]))
    with Disk(device.folder / "state") as disk:
        points = points_of(device, change, busybox)
        for point, column in zip(range(1 + offset, len(points) + 1, EVERY), columns, strict=False):
            outcome = suffer(device, disk, change, busybox, point, column)
            assert outcome.point is None or outcome.holds, (column, outcome)
