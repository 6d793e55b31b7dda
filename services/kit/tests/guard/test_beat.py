"""A beat that stops ends everything."""

import os
import time


def with_beat(story, timeout, *options):
    reading, writing = os.pipe()
    guard = story.start(
        "--beat-fd",
        str(reading),
        "--beat-timeout",
        str(timeout),
        *options,
        command=story.daemon(),
        pass_fds=[reading],
    )
    os.close(reading)
    return guard, writing


def test_a_beat_keeps_it_running_and_its_end_ends_everything(story):
    guard, beat = with_beat(story, 0.4)
    daemon = story.pid()
    for _ in range(6):
        os.write(beat, b"\n")
        time.sleep(0.1)
    assert guard.poll() is None
    assert guard.wait() == 75
    os.close(beat)
    assert "the beat has stopped" in guard.communicate()[1]
    assert not story.alive(daemon)


def test_a_beat_counts_from_the_renewal_and_not_from_its_arrival(story):
    guard, beat = with_beat(story, 30)
    daemon = story.pid()
    os.write(beat, f"{time.clock_gettime(time.CLOCK_BOOTTIME) - 31}\n".encode())
    assert guard.wait() == 75
    os.close(beat)
    assert not story.alive(daemon)


def test_the_beats_closed_pipe_ends_everything(story):
    guard, beat = with_beat(story, 30)
    daemon = story.pid()
    os.close(beat)
    assert guard.wait() == 75
    assert not story.alive(daemon)
