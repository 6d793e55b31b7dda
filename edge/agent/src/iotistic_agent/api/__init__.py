"""The agent's local API: what a person or program on the device may see and do."""
