"""What iotistic-guard is told."""

import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["USAGE", "Options", "UsageError", "parse", "read_env_file"]

USAGE = """\
usage: iotistic-guard [options] -- COMMAND [ARGUMENT ...]
  --lock FILE          run alone: wait for FILE's lock, keep it until nothing of the run is left
  --env-file FILE      further variables, a line NAME=value each (several allowed)
  --site ID            set IOTISTIC_SITE
  --beat-fd N          end everything when nothing comes over this pipe ...
  --beat-timeout S     ... for so many seconds (40)
  --grace S            seconds between SIGTERM and SIGKILL (10)
  --stop-signal NAME   what the command gets for SIGTERM or SIGINT, such as INT (the same signal)
  --parent PID         do nothing when this process is already gone
  --mark TEXT          first end what a killed guard of the same mark has left running
  --spare NAME         leave alone what has the variable NAME in its environment"""


class UsageError(Exception):
    """The arguments or an environment file are wrong; ``str()`` says which and holds no value."""


class Options(NamedTuple):
    """The arguments, read."""

    command: tuple[str, ...] = ()
    lock: str | None = None
    env_files: tuple[str, ...] = ()
    site: str | None = None
    beat_fd: int | None = None
    beat_timeout: float = 40.0
    grace: float = 10.0
    stop_signal: signal.Signals | None = None
    parent: int | None = None
    mark: str | None = None
    spare: str | None = None


def parse(arguments: Sequence[str]) -> Options:
    """Return the options; ``UsageError`` names the argument that is wrong."""
    options, rest = Options(), list(arguments)
    while rest:
        name = rest.pop(0)
        if name == "--":
            break
        name, equals, value = name.partition("=")
        if name not in _READERS:
            raise UsageError(f"unknown option {name}\n{USAGE}")
        if not equals:
            if not rest:
                raise UsageError(f"{name} takes a value\n{USAGE}")
            value = rest.pop(0)
        options = _read(options, name, value)
    if not rest:
        raise UsageError(f"no command\n{USAGE}")
    return options._replace(command=tuple(rest))


def read_env_file(path: str) -> dict[str, str]:
    """Return the variables in ``path``; the value is all behind the first ``=``, as it stands."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 -- pathlib costs start-up time
            lines = file.read().split("\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"can't read {path}: {getattr(exc, 'strerror', None) or exc}") from None
    variables: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.isidentifier() or not name.isascii() or "\0" in value:
            raise UsageError(f"{path}:{number}: a line is NAME=value")
        variables[name] = value
    return variables


def _read(options: Options, name: str, value: str) -> Options:
    field = name[2:].replace("-", "_")
    if name == "--env-file":
        return options._replace(env_files=(*options.env_files, value))
    try:
        return options._replace(**{field: _READERS[name](value)})
    except ValueError:
        raise UsageError(f"{name} {value}: nothing that it takes") from None


def _positive(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1e9:
        raise ValueError(text)
    return number


def _stop_signal(text: str) -> signal.Signals:
    if text not in _STOP_SIGNALS:
        raise ValueError(text)
    return signal.Signals[f"SIG{text}"]


_STOP_SIGNALS = frozenset({"TERM", "INT", "QUIT"})
_READERS: Mapping[str, Callable[[str], Any]] = {
    "--lock": str,
    "--env-file": str,
    "--site": str,
    "--beat-fd": int,
    "--beat-timeout": _positive,
    "--grace": _positive,
    "--stop-signal": _stop_signal,
    "--parent": int,
    "--mark": str,
    "--spare": str,
}
