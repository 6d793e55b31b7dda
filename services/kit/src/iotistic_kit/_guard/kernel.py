"""What Linux offers for this and the standard library doesn't wrap."""

import ctypes
import os
import time

__all__ = ["become_subreaper", "boot_seconds", "die_with_parent", "say"]

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_C = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Make orphans among our descendants our own children, whatever session they are in."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send us ``signal_number`` when the thread that started us ends."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)


def boot_seconds() -> float:
    """Return seconds since the machine's start, those it was suspended included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def say(message: str) -> None:
    """Print one line to standard error, if anybody still holds it."""
    try:
        os.write(2, f"iotistic-guard: {message}\n".encode())
    except OSError:
        return


def _prctl(option: int, value: int) -> None:
    if _C.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
