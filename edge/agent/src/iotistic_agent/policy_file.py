"""The device's own policy, as its owner wrote it."""

import hashlib
from pathlib import Path

from iotistic_agent.logs import Component, log
from iotistic_contract.codec import decode, parse_json
from iotistic_contract.errors import ContractFault
from iotistic_contract.planning.policy import DENY_ALL, Policy

__all__ = ["read_policy"]


def read_policy(path: Path) -> tuple[Policy, str | None]:
    """Return the device's policy and the hash of its file; a file that can't be read denies all."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return DENY_ALL, None
    except OSError as exc:
        log(Component.CONTAINERS).error("policy_unreadable", extra={"reason": str(exc)})
        return DENY_ALL, None
    digest = hashlib.sha256(content).hexdigest()
    try:
        return decode(Policy, parse_json(content)), digest
    except ContractFault as exc:
        log(Component.CONTAINERS).error("policy_unreadable", extra={"reason": str(exc)})
        return DENY_ALL, digest
