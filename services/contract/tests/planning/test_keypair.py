"""Signing keys of billing: made when missing, rotated by age, never removed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotistic_contract.errors import ContractError
from iotistic_contract.planning.keypair import (
    ActualKeys,
    GenerateKeys,
    Keypairs,
    RotateKeys,
    plan,
)

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
OLD = NOW - timedelta(days=90)


@pytest.mark.parametrize(
    ("made_at", "desired", "steps"),
    [
        ({}, Keypairs(), (GenerateKeys("license"), GenerateKeys("service"))),
        ({"license": OLD}, Keypairs(), (GenerateKeys("service"),)),
        ({"license": OLD, "service": OLD}, Keypairs(), ()),
        ({"license": OLD}, Keypairs(kinds=("license",)), ()),
        (
            {"license": OLD, "service": NOW},
            Keypairs(rotate_after_days=90),
            (RotateKeys("license"),),
        ),
        ({"license": OLD, "service": NOW}, Keypairs(rotate_after_days=91), ()),
        ({"license": NOW + timedelta(1), "service": NOW}, Keypairs(rotate_after_days=1), ()),
    ],
)
def test_steps(made_at: dict[str, datetime], desired: Keypairs, steps: tuple[object, ...]) -> None:
    planned = plan(ActualKeys(now=NOW, made_at=made_at), desired)
    assert planned.steps == steps
    assert planned.changed == (planned.before != planned.after)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [({"kinds": ("license", "ssh")}, "/kinds/1"), ({"rotate_after_days": 0}, "/rotate_after_days")],
)
def test_wishes_that_can_not_be_are_refused_by_their_option(
    change: dict[str, object], pointer: str
) -> None:
    with pytest.raises(ContractError) as refused:
        replace(Keypairs(), **change)  # type: ignore[arg-type]
    assert refused.value.pointer == pointer


@given(
    st.dictionaries(
        st.sampled_from(["license", "service"]),
        st.integers(0, 500).map(lambda days: NOW - timedelta(days=days)),
    ),
    st.none() | st.integers(1, 400),
)
def test_after_the_steps_nothing_is_left(
    made_at: dict[str, datetime], rotate_after_days: int | None
) -> None:
    desired = Keypairs(rotate_after_days=rotate_after_days)
    first = plan(ActualKeys(now=NOW, made_at=made_at), desired)
    made = made_at | {step.kind: NOW for step in first.steps}
    second = plan(ActualKeys(now=NOW, made_at=made), desired)
    assert (second.steps, second.before) == ((), first.after)
