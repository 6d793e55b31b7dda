"""The parts of iotistic-guard; standard library only."""
