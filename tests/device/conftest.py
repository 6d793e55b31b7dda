"""One engine, registry and image for these tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fixtures.engine import busybox, docker_engine, registry

__all__ = ["busybox", "docker_engine", "registry"]
