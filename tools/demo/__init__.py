"""The demo site on this machine, as one command: ``./run demo``."""
