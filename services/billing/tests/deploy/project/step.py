"""One step of the test's tenant: writes down when it begins and ends, and leaves a child behind.

python step.py FOLDER FENCE STEP STATE SECRETS: a lower fence than one seen before is refused. The
last step keeps what it was given and what lies about, and fails with the text of FOLDER/broken.
"""

import fcntl
import shutil
import subprocess
import sys
import time
from pathlib import Path

PAUSE = 0.2


def note(journal: Path, fence: int, text: str) -> None:
    with journal.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        highest = max((int(line.split()[0]) for line in file), default=0)
        if fence < highest:
            sys.exit(f"fence {fence} is lower than {highest}")
        file.write(f"{fence} {text}\n")


def keep(folder: Path, state: str, secrets: Path) -> None:
    (folder / "state").write_text(state)
    for source, name in ((secrets, "given"), (secrets.parent / "run", "artifacts")):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("*.sock", "cp"))


def main() -> None:
    folder, fence, step = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    note(folder / "journal", fence, f"begin {step}")
    subprocess.Popen(
        ["setsid", "sleep", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(PAUSE)
    if step == "three":
        keep(folder, sys.argv[4], Path(sys.argv[5]))
        broken = folder / "broken"
        if broken.exists():
            sys.exit(broken.read_text())
    note(folder / "journal", fence, f"end {step}")


main()
