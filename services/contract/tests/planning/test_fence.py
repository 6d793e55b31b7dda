"""The fencing number: it rises by compare-and-set, and whoever is below is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotistic_contract.errors import ContractError
from iotistic_contract.planning.fence import SetFence, plan

numbers = st.integers(0, 2**53 - 1)


@pytest.mark.parametrize(
    ("actual", "desired", "steps"),
    [
        (None, 0, (SetFence(None, 0),)),
        (None, 7, (SetFence(None, 7),)),
        (6, 7, (SetFence(6, 7),)),
        (7, 7, ()),
    ],
)
def test_steps(actual: int | None, desired: int, steps: tuple[SetFence, ...]) -> None:
    assert plan(actual, desired).steps == steps
    assert plan(actual, desired).after == {"number": desired}


@pytest.mark.parametrize(("actual", "desired"), [(8, 7), (1, 0), (None, -1), (3, 2**53)])
def test_what_was_overtaken_or_is_no_number_is_refused(actual: int | None, desired: int) -> None:
    with pytest.raises(ContractError) as refused:
        plan(actual, desired)
    assert refused.value.pointer == "/number"


@given(st.lists(numbers, min_size=1))
def test_the_highest_number_that_came_stands(arrived: list[int]) -> None:
    held: int | None = None
    for number in arrived:
        try:
            steps = plan(held, number).steps
        except ContractError:
            continue
        for step in steps:
            assert step.expected == held
            held = step.number
        assert plan(held, number).steps == ()
    assert held == max(arrived)
