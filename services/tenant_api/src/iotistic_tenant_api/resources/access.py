"""Whom the routes let in."""

from __future__ import annotations

from iotistic_kit.auth import needs

__all__ = [
    "DEVICE",
    "MAKE_KEYS",
    "OVERRIDE",
    "READ",
    "READ_DEVICES",
    "READ_KEYS",
    "READ_STATES",
    "READ_TARGETS",
    "REPORT",
    "WRITE_DEVICES",
    "WRITE_TARGETS",
]

READ = needs("service", scope="read")
WRITE_DEVICES = needs("service", scope="devices")
WRITE_TARGETS = needs("service", scope="target-states")
OVERRIDE = needs("service", scope="overrides")
MAKE_KEYS = needs("service", scope="provisioning-keys")

READ_DEVICES = READ | WRITE_DEVICES
READ_TARGETS = READ | WRITE_TARGETS | OVERRIDE
READ_KEYS = READ | MAKE_KEYS
READ_STATES = READ_TARGETS | WRITE_DEVICES

DEVICE = needs("device", owns="uuid")
REPORT = needs("device")
