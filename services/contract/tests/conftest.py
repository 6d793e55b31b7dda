"""What holds for all tests of the contract."""

from hypothesis import HealthCheck, settings

# Machines differ, rules do not: an example may take its time.
settings.register_profile("line", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("line")
