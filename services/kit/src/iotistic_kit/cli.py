"""The frame of a service's command: one line for a failure, no traceback."""

import sys
from collections.abc import Callable, Sequence

from .errors import StopError

__all__ = ["run"]


def run(main: Callable[[Sequence[str]], int], arguments: Sequence[str] | None = None) -> int:
    """Return the exit code of ``main(arguments)``; a ``StopError`` is printed and gives its code.

    For ``[project.scripts]``: ``def main() -> int: return run(command)``.
    """
    try:
        return main(sys.argv[1:] if arguments is None else arguments)
    except StopError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return exc.exit_code
    except KeyboardInterrupt:
        return 130
