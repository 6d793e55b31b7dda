# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of modules as values that add up."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from ansible.module_utils.basic import AnsibleModule, env_fallback

__all__ = ["BILLING", "TENANT", "ArgumentSpec"]


@dataclass(frozen=True)
class ArgumentSpec:
    """The options of a module and what must hold between them."""

    argument_spec: dict[str, Any] = field(default_factory=dict)
    mutually_exclusive: tuple[tuple[str, ...], ...] = ()
    required_together: tuple[tuple[str, ...], ...] = ()
    required_one_of: tuple[tuple[str, ...], ...] = ()
    required_if: tuple[tuple[Any, ...], ...] = ()

    def merge(self, other: ArgumentSpec) -> ArgumentSpec:
        """Return both together; ``other`` wins where an option is in both."""
        return ArgumentSpec(
            **{
                part.name: (
                    {**self.argument_spec, **other.argument_spec}
                    if part.name == "argument_spec"
                    else getattr(self, part.name) + getattr(other, part.name)
                )
                for part in fields(self)
            }
        )

    def module(self, *, supports_check_mode: bool) -> AnsibleModule:
        """Return the module with its options read and checked."""
        return AnsibleModule(
            supports_check_mode=supports_check_mode,
            **{part.name: getattr(self, part.name) for part in fields(self)},
        )


def _from_environment(name: str) -> tuple[Any, ...]:
    return (env_fallback, [name])


_SERVER = {
    "ca_file": {"type": "path", "fallback": _from_environment("IOTISTIC_CA_FILE")},
    "request_timeout": {"type": "int", "default": 30},
    "billing_url": {"type": "str", "fallback": _from_environment("IOTISTIC_BILLING_URL")},
    "billing_token": {"type": "str", "no_log": True},
    "billing_token_file": {
        "type": "path",
        "no_log": False,
        "fallback": _from_environment("IOTISTIC_BILLING_TOKEN_FILE"),
    },
}

BILLING = ArgumentSpec(
    argument_spec=_SERVER,
    mutually_exclusive=(("billing_token", "billing_token_file"),),
)

TENANT = BILLING.merge(
    ArgumentSpec(
        argument_spec={
            "tenant": {"type": "str"},
            "tenant_url": {"type": "str"},
            "tenant_token": {"type": "str", "no_log": True},
            "tenant_token_file": {"type": "path", "no_log": False},
        },
        mutually_exclusive=(("tenant_token", "tenant_token_file"),),
        required_one_of=(("tenant", "tenant_url"),),
    )
)
