"""One run at a time, and what a killed guard left ends before the next one."""

import subprocess


def test_the_next_run_waits_until_nothing_of_the_last_one_is_left(story):
    lock = story.folder / "run" / "lock"
    first = story.start("--lock", str(lock), "--grace", "0.1", command=story.daemon())
    daemon = story.pid()
    assert lock.stat().st_mode & 0o777 == 0o600
    watch = f"[ -e /proc/{daemon}/exe ] && echo together || echo alone"
    second = story.start("--lock", str(lock), command=["sh", "-c", watch])
    said = second.stderr.readline()
    assert said == (
        f"iotistic-guard: another run of this site is at work (pid {first.pid}): waiting\n"
    )
    first.terminate()
    assert second.communicate()[0] == "alone\n"


def test_a_lock_whose_file_was_removed_is_taken_anew(story):
    lock = story.folder / "lock"
    first = story.start("--lock", str(lock), command=["sh", "-c", f"sleep 0.2; rm {lock}"])
    story.eventually(lock.exists)
    story.eventually(lock.read_text)
    second = story.start("--lock", str(lock), command=["cat", str(lock)])
    assert (first.wait(), second.communicate()[0]) == (0, f"{second.pid}\n")


def test_what_a_killed_guard_left_is_ended_before_the_next_run(story):
    lock = story.folder / "lock"
    first = story.start("--lock", str(lock), "--spare", "SPARED", command=story.daemon())
    daemon = story.pid()
    spared = subprocess.Popen(
        ["sleep", "60"], env={"IOTISTIC_GUARD_LOCK": str(lock), "SPARED": "1"}
    )
    story.guards.append(spared)
    first.kill()
    first.wait()
    assert story.alive(daemon)
    watch = f"[ -e /proc/{daemon}/exe ] && echo together || echo alone"
    second = story.start("--lock", str(lock), "--spare", "SPARED", command=["sh", "-c", watch])
    assert second.communicate()[0] == "alone\n"
    assert spared.poll() is None


def test_what_a_killed_guard_of_the_same_mark_left_is_ended_and_no_others(story):
    for mark in ("site/billing", "site/billing-2"):
        guard = story.start("--mark", mark, command=story.daemon(mark.replace("/", "-")))
        story.pid(mark.replace("/", "-"))
        guard.kill()
        guard.wait()
    assert story.start("--mark", "site/billing", command=["true"]).wait() == 0
    assert not story.alive(story.pid("site-billing"))
    assert story.alive(story.pid("site-billing-2"))


def test_the_locks_file_is_held_by_the_guard_alone(story):
    lock = story.folder / "lock"
    guard = story.start("--lock", str(lock), command=["sh", "-c", "ls -l /proc/$$/fd"])
    assert str(lock) not in guard.communicate()[0]
