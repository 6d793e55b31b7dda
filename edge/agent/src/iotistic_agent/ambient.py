"""What the agent takes from the process around it: version, time, chance."""

import random
from datetime import UTC, datetime
from importlib.metadata import version

__all__ = ["AGENT_VERSION", "BUILT", "chance", "utc_now"]

# Moved on with each release: no clock that is right is before it.
BUILT = datetime(2026, 11, 27, tzinfo=UTC)
AGENT_VERSION = version("iotistic-agent")
chance = random.SystemRandom().random


def utc_now() -> datetime:
    """Return the time as the machine tells it."""
    return datetime.now(UTC)
