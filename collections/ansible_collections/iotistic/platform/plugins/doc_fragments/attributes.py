# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of what each module of the collection can do."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of modules that change something, that only read, and of the action group."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Predicts exactly what a run would do, and changes nothing.
    support: full
  diff_mode:
    description: Shows what is there before and after, secrets masked.
    support: full
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Reads only, so it does the same in check mode.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: N/A
"""

    GROUP = r"""
options: {}
attributes:
  action_group:
    description: Takes its connection options from C(module_defaults) of this group.
    support: full
    membership:
      - iotistic.platform.all
"""
