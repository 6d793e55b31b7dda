"""Whose address a try is counted under."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from iotistic_tenant_api.resources.provisioning import client_address


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "address"),
    [
        ("10.0.0.1", None, "", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4", "", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4", "10.0.0.9", "10.0.0.1"),
        ("10.0.0.9", "1.2.3.4", "10.0.0.9", "1.2.3.4"),
        ("10.0.0.9", "9.9.9.9, 1.2.3.4", "10.0.0.9", "1.2.3.4"),
        ("10.0.0.9", None, "10.0.0.9", "10.0.0.9"),
    ],
)
def test_only_a_trusted_proxy_is_believed(
    peer: str, forwarded: str | None, trusted: str, address: str
) -> None:
    request: Any = SimpleNamespace(remote_addr=peer, get_header=lambda _: forwarded)
    assert client_address(request, trusted) == address
