"""``iotctl``: shows what the agent on this device does. Imports little: it must start fast."""

from iotistic_agent.cli.main import main

__all__ = ["main"]
