"""Whom the routes let in."""

from __future__ import annotations

from iotistic_kit.auth import Access, needs

__all__ = [
    "DEVICE",
    "INVITE",
    "KEEP_USERS",
    "MAKE_KEYS",
    "OVERRIDE",
    "PERSON",
    "READ",
    "READ_AUDIT",
    "READ_DEVICES",
    "READ_KEYS",
    "READ_STATES",
    "READ_TARGETS",
    "REPORT",
    "UPGRADE",
    "WRITE_DEVICES",
    "WRITE_TARGETS",
]


def _people(scope: str) -> Access:
    """Operators' services whose token has the scope, and persons whose role has it."""
    return needs("service", scope=scope) | needs("person", scope=scope)


READ = _people("read")
WRITE_DEVICES = _people("devices")
WRITE_TARGETS = _people("target-states")
OVERRIDE = _people("overrides")
UPGRADE = _people("upgrades")
MAKE_KEYS = _people("provisioning-keys")
READ_AUDIT = _people("audit")

PERSON = needs("person")
KEEP_USERS = needs("person", scope="users")
INVITE = KEEP_USERS | needs("service", scope="invite")

READ_DEVICES = READ | WRITE_DEVICES
READ_TARGETS = READ | WRITE_TARGETS | OVERRIDE
READ_KEYS = READ | MAKE_KEYS
READ_STATES = READ_TARGETS | WRITE_DEVICES

DEVICE = needs("device", owns="uuid")
REPORT = needs("device")
