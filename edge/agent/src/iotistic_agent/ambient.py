"""What the agent takes from the process around it: version, time, chance."""

import random
from datetime import UTC, datetime
from importlib.metadata import version

__all__ = ["AGENT_VERSION", "chance", "utc_now"]

AGENT_VERSION = version("iotistic-agent")
chance = random.SystemRandom().random


def utc_now() -> datetime:
    """Return the time as the machine tells it."""
    return datetime.now(UTC)
