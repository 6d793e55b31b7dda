"""Paths that no policy opens, wherever the engine keeps its data."""

from __future__ import annotations

import pytest

from iotistic_contract.planning.host_paths import HostPaths, bind_objections

HOST = HostPaths(engine_data=("/srv/docker", "/mnt/ssd/docker"))
"""A data root as the engine tells it, and where that leads through a symbolic link."""


@pytest.mark.parametrize(
    ("source", "leads_to"),
    [
        ("/srv/docker", "/srv/docker"),
        ("/srv/docker/volumes/others/_data", "/srv/docker"),
        ("/srv", "/srv/docker"),
        ("/mnt/ssd/docker/overlay2", "/mnt/ssd/docker"),
        ("/mnt", "/mnt/ssd/docker"),
        ("/var/lib/docker", "/var/lib/docker"),
    ],
)
def test_the_engines_data_is_protected_from_above_and_below(source: str, leads_to: str) -> None:
    said = [*bind_objections(source, (source,), HOST, engine_socket=True)]
    assert said == [f"bind mount of {source}, which leads to {leads_to}"]


@pytest.mark.parametrize("source", ["/srv/docker-data", "/srv/dock", "/mnt/ssd/app"])
def test_what_only_begins_like_it_is_not(source: str) -> None:
    assert not [*bind_objections(source, (source,), HOST, engine_socket=False)]
