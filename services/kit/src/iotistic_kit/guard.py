"""iotistic-guard: runs one command and never outlives, nor is outlived by, what it started.

Standard library only and quick to start, for every long-running process stands under one.
"""

import sys

from ._guard.options import USAGE, UsageError, parse
from ._guard.supervise import run

__all__ = ["main"]


def main() -> int:
    """Run the command that the arguments name; return its exit code once nothing of it is left."""
    if sys.argv[1:] in (["-h"], ["--help"]):
        sys.stdout.write(f"{USAGE}\n")
        return 0
    try:
        options = parse(sys.argv[1:])
    except UsageError as exc:
        sys.stderr.write(f"iotistic-guard: {exc}\n")
        return 2
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
