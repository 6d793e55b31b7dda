# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Whether the folder that devices install from is to be written anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ..agent_release import Bundles, Manifest
from ..codec import encode
from ..errors import ContractFault
from .plan import Plan

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "ActualRelease",
    "MakeReleaseKey",
    "Release",
    "ReleaseKeyDiffers",
    "WriteRelease",
    "plan",
]

# Devices compare releases by the second.
_LATER = timedelta(seconds=1)


class ReleaseKeyDiffers(ContractFault):
    """What is released was signed by another key than the one at hand, None for none."""

    def __init__(self, signed_by: str, found: str | None) -> None:
        there = "there is no release key" if found is None else f"the release key is {found}"
        super().__init__(
            f"the release was signed by the key {signed_by}, but {there}: devices whose command has"
            " the other key would refuse it. Nothing was changed; bring the key back, or replace it"
            " on purpose (replace_key: true, or --replace-key)"
        )
        self.signed_by = signed_by
        self.found = found


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


def plan(actual: ActualRelease, desired: Release, *, replace_key: bool = False) -> Plan:
    """Make the key once; write what differs from the release that is there, or isn't sound.

    What is only damaged is written again with its old time: devices take it for the same release.
    Any other is later than the one before it, whatever the clock says. ReleaseKeyDiffers for a
    release of another key, unless ``replace_key``.
    """
    after = _shown(desired, actual.key, sound=True)
    there = actual.manifest
    if there is None:
        return Plan(before={}, after=after, steps=_steps(actual, desired, actual.now))
    if there.key != actual.key and not replace_key:
        raise ReleaseKeyDiffers(there.key, actual.key)
    found = Release(
        bundles=Bundles(version=there.version, bundles=there.bundles), installer=there.installer
    )
    before = _shown(found, there.key, sound=actual.sound)
    if before == after:
        return Plan(before=before, after=after)
    same = found == desired and there.key == actual.key
    released = there.released if same else max(actual.now, there.released + _LATER)
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
