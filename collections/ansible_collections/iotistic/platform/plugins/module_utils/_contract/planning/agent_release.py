# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Whether the folder that devices install from is to be written anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..agent_release import Bundles, Manifest
from ..codec import encode
from .plan import Plan

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["ActualRelease", "MakeReleaseKey", "Release", "WriteRelease", "plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What is to be released: the bundles, and the install script by its SHA-256."""

    bundles: Bundles
    installer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualRelease:
    """What is there.

    ``key`` is the release key's fingerprint, None without one. ``sound`` says that each file of
    the manifest is as it was released, and signed by that key.
    """

    now: datetime
    key: str | None = None
    manifest: Manifest | None = None
    sound: bool = False


@dataclass(frozen=True, slots=True)
class MakeReleaseKey:
    """Make the key that signs releases."""


@dataclass(frozen=True, slots=True)
class WriteRelease:
    """Write the files of a release, signed by the release key."""

    release: Release
    released: datetime


def plan(actual: ActualRelease, desired: Release) -> Plan:
    """Make the key once; write what differs from the release that is there, or isn't sound.

    What is only damaged is written again with its old time: devices take it for the same release.
    """
    after = _shown(desired, actual.key, sound=True)
    there = actual.manifest
    if there is None:
        return Plan(before={}, after=after, steps=_steps(actual, desired, actual.now))
    found = Release(
        bundles=Bundles(version=there.version, bundles=there.bundles), installer=there.installer
    )
    before = _shown(found, there.key, sound=actual.sound)
    if before == after:
        return Plan(before=before, after=after)
    same = found == desired and there.key == actual.key
    released = there.released if same else actual.now
    return Plan(before=before, after=after, steps=_steps(actual, desired, released))


def _steps(actual: ActualRelease, desired: Release, released: datetime) -> tuple[object, ...]:
    make = () if actual.key is not None else (MakeReleaseKey(),)
    return (*make, WriteRelease(desired, released))


def _shown(release: Release, key: str | None, *, sound: bool) -> dict[str, object]:
    return {
        "version": release.bundles.version,
        "bundles": encode(release.bundles.bundles),
        "installer": release.installer,
        "key": key,
        "sound": sound,
    }
