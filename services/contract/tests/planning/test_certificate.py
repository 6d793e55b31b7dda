"""Certificates: issued when they don't serve any more, and only then."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotistic_contract.errors import ContractError
from iotistic_contract.planning.certificate import (
    ActualCertificate,
    ActualFiles,
    Certificate,
    CreateKey,
    IssueCertificate,
    plan,
    reasons,
)

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
FOLDER = "/srv/site/tls/api"
WANTED = Certificate(
    profile="server",
    common_name="api",
    folder=FOLDER,
    names=("api.example", "api"),
    addresses=("127.77.0.16", "fd00:0::1"),
)
HELD = ActualCertificate(
    profile="server",
    common_name="api",
    not_after=NOW + timedelta(days=397),
    names=("api", "api.example"),
    addresses=("fd00::1", "127.77.0.16"),
)
DEVICE = Certificate(profile="client", common_name="device", folder=FOLDER)
MAKE = CreateKey(FOLDER, "p256")
DAY = timedelta(days=1)

CASES = [
    # what, key there, certificate, why, steps
    ("nothing there", False, None, ("missing",), (MAKE, IssueCertificate(WANTED))),
    ("only the key", True, None, ("missing",), (IssueCertificate(WANTED),)),
    ("serves, order aside", True, HELD, (), ()),
    ("key lost", False, HELD, (), (MAKE, IssueCertificate(WANTED))),
    ("132 days left", True, replace(HELD, not_after=NOW + 132 * DAY), (), ()),
    ("a second less", True, replace(HELD, not_after=NOW + 132 * DAY - DAY / 86400),
     ("near its end",), (IssueCertificate(WANTED),)),
    ("expired", True, replace(HELD, not_after=NOW - DAY), ("near its end",),
     (IssueCertificate(WANTED),)),
    ("a name more", True, replace(HELD, names=("api",)), ("other names",),
     (IssueCertificate(WANTED),)),
    ("an address moved", True, replace(HELD, addresses=("127.77.0.17", "fd00::1")),
     ("other names",), (IssueCertificate(WANTED),)),
    ("another common name", True, replace(HELD, common_name="x"), ("other names",),
     (IssueCertificate(WANTED),)),
    ("another profile", True, replace(HELD, profile="client"), ("other names",),
     (IssueCertificate(WANTED),)),
    ("another key", True, replace(HELD, fits_key=False), ("another key",),
     (IssueCertificate(WANTED),)),
    ("another authority", True, replace(HELD, from_authority=False), ("another authority",),
     (IssueCertificate(WANTED),)),
    ("revoked", True, replace(HELD, revoked=True), ("revoked",), (IssueCertificate(WANTED),)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "held", "why", "steps"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_steps(
    key: bool, held: ActualCertificate | None, why: tuple[str, ...], steps: tuple[object, ...]
) -> None:
    actual = ActualFiles(now=NOW, key=key, certificate=held)
    planned = plan(actual, WANTED)
    assert reasons(actual, WANTED) == why
    assert planned.steps == steps
    assert planned.changed == (planned.before != planned.after)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"profile": "peer"}, "/profile"),
        ({"names": (), "addresses": ()}, "/names"),
        ({"addresses": ("127.77.0.16", "127.77.0")}, "/addresses/1"),
        ({"days": 398}, "/days"),
        ({"days": 132}, "/days"),
        ({"renew_before_days": -1}, "/days"),
        ({"profile": "client"}, "/names"),
    ],
)
def test_wishes_that_can_not_be_are_refused_by_their_option(
    change: dict[str, object], pointer: str
) -> None:
    with pytest.raises(ContractError) as refused:
        replace(WANTED, **change)  # type: ignore[arg-type]
    assert refused.value.pointer == pointer


class MemoryFolder:
    """A folder and its authority, as the steps see them."""

    def __init__(self, files: ActualFiles) -> None:
        self.files = files

    def apply(self, step: object) -> None:
        """Do what the module does for one step."""
        match step:
            case CreateKey():
                self.files = replace(self.files, key=True)
            case IssueCertificate(wanted):
                issued = ActualCertificate(
                    profile=wanted.profile,
                    common_name=wanted.common_name,
                    not_after=self.files.now + timedelta(days=wanted.days),
                    names=wanted.names,
                    addresses=tuple(
                        address.replace("fd00:0:", "fd00:") for address in wanted.addresses
                    ),
                )
                self.files = replace(self.files, certificate=issued)


certificates = st.none() | st.builds(
    ActualCertificate,
    profile=st.sampled_from(["server", "client"]),
    common_name=st.sampled_from(["api", "device"]),
    not_after=st.integers(-10, 400).map(lambda days: NOW + days * DAY),
    names=st.sampled_from([(), ("api",), HELD.names]),
    addresses=st.sampled_from([(), HELD.addresses]),
    fits_key=st.booleans(),
    from_authority=st.booleans(),
    revoked=st.booleans(),
)


@given(st.booleans(), certificates, st.sampled_from([WANTED, DEVICE]))
def test_after_the_steps_nothing_is_left(
    key: bool, held: ActualCertificate | None, wanted: Certificate
) -> None:
    folder = MemoryFolder(ActualFiles(now=NOW, key=key, certificate=held))
    first = plan(folder.files, wanted)
    first.apply(folder)
    second = plan(folder.files, wanted)
    assert second.steps == ()
    assert second.before == first.after
