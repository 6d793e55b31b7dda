# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""How far clocks may be apart: what is signed now is good for those that are behind."""

from datetime import timedelta

__all__ = ["CLOCK_SKEW"]

CLOCK_SKEW = timedelta(minutes=5)
