"""Fixtures for the agent's tests; the real components come from the whole project's tests."""

from tests.fixtures.engine import busybox, docker_engine, registry

__all__ = ["busybox", "docker_engine", "registry"]
