"""What holds for all tests of the contract."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parents[3]))  # a model is imported by its path

# Machines differ, rules do not: an example may take its time.
settings.register_profile("line", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("line")
