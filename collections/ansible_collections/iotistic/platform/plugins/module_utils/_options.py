# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of a task as values of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._contract.codec import parse_time
from ._contract.errors import ContractError

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["time_option", "time_or_none"]


def time_option(params: dict[str, Any], name: str) -> datetime | None:
    """Return an option that holds a time, or None; the error names the option."""
    try:
        return time_or_none(params[name])
    except ContractError as error:
        raise error.under(name) from None


def time_or_none(text: str | None) -> datetime | None:
    """Return the time that a text says; None stays None."""
    return None if text is None else parse_time(text)
