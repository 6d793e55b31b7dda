"""Roles, passwords, tries and refresh tokens as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.passwords import check_password
from iotistic_tenant_api.domain.people import (
    SCOPES,
    Role,
    User,
    check_grant,
    check_last_owner,
    check_reach,
)
from iotistic_tenant_api.domain.sessions import Meaning, meaning
from iotistic_tenant_api.domain.tries import Limit, check_tries, network_of
from iotistic_tenant_api.security.second_factor import matching_step, recovery_hash

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ALL = {"read", "overrides", "target-states", "devices", "provisioning-keys", "users", "audit",
       "license", "upgrades"}  # fmt: skip


def test_the_table_of_roles() -> None:
    assert {str(role): set(scopes) for role, scopes in SCOPES.items()} == {
        "viewer": {"read"},
        "operator": {"read", "overrides"},
        "manager": {"read", "overrides", "target-states", "devices", "provisioning-keys"},
        "admin": ALL,
        "owner": ALL,
    }
    assert sorted(Role, key=lambda role: role.rank) == list(Role)


@pytest.mark.parametrize("actor", list(Role))
@pytest.mark.parametrize("other", list(Role))
def test_nobody_reaches_or_gives_a_role_above_their_own(actor: Role, other: Role) -> None:
    for check in (check_grant, check_reach):
        if other.rank <= actor.rank:
            check(actor, other)
            continue
        with pytest.raises(Refused) as refused:
            check(actor, other)
        assert refused.value.status == 403


@pytest.mark.parametrize(
    ("role", "disabled", "owners", "stays", "code"),
    [
        ("owner", False, 1, False, "last_owner"),
        ("owner", False, 1, True, None),
        ("owner", False, 2, False, None),
        ("owner", True, 1, False, None),
        ("admin", False, 1, False, None),
    ],
)
def test_the_last_owner_stays(
    role: str, disabled: bool, owners: int, stays: bool, code: str | None
) -> None:
    user = User(
        id="1", email="a@b.c", name="A", role=Role(role), password_hash="", created_at=NOW,
        disabled_at=NOW if disabled else None,
    )  # fmt: skip
    if code is None:
        check_last_owner(user, owners, stays=stays)
        return
    with pytest.raises(Refused) as refused:
        check_last_owner(user, owners, stays=stays)
    assert (refused.value.status, refused.value.code) == (409, code)


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("four words make sense", True),
        ("tr0ub4dor&3xyz", True),
        ("ünïcödé-is-fine", True),
        ("x" * 8 + "abcdefg" * 30, True),
        ("elevenchars", False),
        ("", False),
        ("abc" * 86, False),
        ("ada.lovelace@example.com", False),
        ("Ada.Lovelace@Example.COM", False),
        ("ada.lovelace", False),
        ("Password1234", False),
        ("password 1234", False),
        ("qwertyuiop123", False),
        ("aaaaaaaaaaaaaaaaaaaa", False),
        ("abababababababab", False),
    ],
)
def test_passwords(password: str, good: bool) -> None:
    if good:
        check_password(password, "ada.lovelace@example.com")
        return
    with pytest.raises(Refused) as refused:
        check_password(password, "ada.lovelace@example.com", pointer="/new")
    assert (refused.value.status, refused.value.errors[0]["pointer"]) == (422, "/new")
    assert password not in refused.value.detail or not password


def test_tries_in_a_window() -> None:
    limit = Limit(action="t", allowed=3, window=timedelta(minutes=15))
    tries = [NOW - timedelta(minutes=1), NOW - timedelta(minutes=2), NOW - timedelta(minutes=14)]
    check_tries(limit, tries[:2], NOW)
    with pytest.raises(Refused) as refused:
        check_tries(limit, tries, NOW)
    assert (refused.value.status, refused.value.code) == (429, "too_many_attempts")
    assert refused.value.headers == {"Retry-After": "61"}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("unix", "unix"),
        ("x" * 100, "x" * 64),
    ],
)
def test_what_addresses_are_counted_by(address: str, network: str) -> None:
    assert network_of(address) == network


FRESH: dict[str, Any] = {
    "alive": True,
    "expires_at": NOW + timedelta(days=1),
    "used_at": None,
    "successor_unused": False,
    "now": NOW,
}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({}, Meaning.NEXT),
        ({"alive": False}, Meaning.OVER),
        ({"expires_at": NOW}, Meaning.OVER),
        ({"used_at": NOW - timedelta(seconds=60), "successor_unused": True}, Meaning.REPEAT),
        ({"used_at": NOW - timedelta(seconds=61), "successor_unused": True}, Meaning.REUSE),
        ({"used_at": NOW, "successor_unused": False}, Meaning.REUSE),
        ({"used_at": NOW, "expires_at": NOW}, Meaning.REUSE),
        ({"used_at": NOW, "alive": False}, Meaning.OVER),
    ],
)
def test_what_a_shown_refresh_token_means(changes: dict[str, Any], what: Meaning) -> None:
    assert meaning(**(FRESH | changes)) is what


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_of_rfc_6238(seconds: int, code: str) -> None:
    """Appendix B has eight digits; six are their end."""
    secret, at = b"12345678901234567890", datetime.fromtimestamp(seconds, UTC)
    assert matching_step(secret, code, at) == seconds // 30
    assert matching_step(secret, code, at + timedelta(seconds=30)) == seconds // 30
    assert matching_step(secret, code, at - timedelta(seconds=30)) == seconds // 30
    assert matching_step(secret, code, at + timedelta(seconds=60)) is None
    assert matching_step(secret, code, at - timedelta(seconds=60)) is None


@pytest.mark.parametrize("code", ["", "28708", "2870822", " 287082", "٢٨٧٠٨٢", "28708a"])
def test_what_is_no_code(code: str) -> None:
    assert matching_step(b"12345678901234567890", code, datetime.fromtimestamp(59, UTC)) is None


def test_recovery_codes_are_compared_however_they_are_written() -> None:
    assert recovery_hash("abcd-efgh") == recovery_hash("ABCD EFGH") == recovery_hash("AbCdEfGh")
    assert recovery_hash("abcd-efgh") != recovery_hash("abcd-efgi")
