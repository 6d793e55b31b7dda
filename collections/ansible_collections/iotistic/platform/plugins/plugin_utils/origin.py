# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in which file a value of an inventory was written."""

from __future__ import annotations

try:  # ansible-core 2.19 tags what it reads; it has no public way yet to ask for the place
    from ansible._internal._datatag._tags import Origin
except ImportError:  # pragma: no cover - older ansible-core knows no places
    Origin = None


def origin_of(value):
    """Return "FILE:LINE:COLUMN" of a value as read from a file, or an empty text."""
    origin = Origin.get_tag(value) if Origin else None
    if origin is None or not origin.path:
        return ""
    return ":".join(str(part) for part in (origin.path, origin.line_num, origin.col_num) if part)


def origin_at(value, pointer):
    """Return the place of what a JSON pointer names in ``value``, or of the nearest thing above."""
    place = origin_of(value)
    for part in pointer.strip("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, ValueError, TypeError):
            break
        place = origin_of(value) or place
    return place
