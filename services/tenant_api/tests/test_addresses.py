"""Whose address a try is counted under."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from iotistic_kit.settings import SettingsError, read_settings
from iotistic_tenant_api.resources.forwarding import HEADER, Forwarding
from iotistic_tenant_api.settings import TenantSettings

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "s" * 32


@pytest.mark.parametrize(
    ("forwarded", "given", "held", "address"),
    [
        (None, None, None, "10.0.0.1"),
        ("1.2.3.4", None, None, "10.0.0.1"),
        ("1.2.3.4", "", None, "10.0.0.1"),
        ("1.2.3.4", "", "", "10.0.0.1"),
        ("1.2.3.4", SECRET, None, "10.0.0.1"),
        ("1.2.3.4", None, SECRET, "10.0.0.1"),
        ("1.2.3.4", "t" * 32, SECRET, "10.0.0.1"),
        ("1.2.3.4", "\u00e9" * 32, SECRET, "10.0.0.1"),
        ("1.2.3.4", SECRET, SECRET, "1.2.3.4"),
        ("9.9.9.9, 1.2.3.4", SECRET, SECRET, "1.2.3.4"),
        (None, SECRET, SECRET, "10.0.0.1"),
    ],
)
def test_only_who_has_the_secret_is_believed(
    forwarded: str | None, given: str | None, held: str | None, address: str
) -> None:
    headers = {"X-Forwarded-For": forwarded, HEADER: given}
    request: Any = SimpleNamespace(remote_addr="10.0.0.1", get_header=headers.get)
    assert Forwarding(held).address_of(request) == address


def test_a_secret_that_could_be_guessed_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("guess me")
    monkeypatch.setenv("PROXY_SECRET_FILE", str(tmp_path / "secret"))
    with pytest.raises(SettingsError) as refused:
        read_settings(TenantSettings)
    assert "PROXY_SECRET: Value error, a secret of at least 32 characters" in str(refused.value)
    assert "guess" not in str(refused.value)
