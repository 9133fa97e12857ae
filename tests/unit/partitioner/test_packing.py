from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioner.planning.packing import PackingRules, is_even, pack

costs = st.lists(st.floats(1e-3, 100), min_size=1, max_size=60)
skewed = st.lists(st.one_of(st.just(0.01), st.floats(1, 2), st.just(50.0)), min_size=1, max_size=60)


@given(st.one_of(costs, skewed), st.integers(1, 16))
def test_no_task_exceeds_the_mean_by_a_quarter_unless_one_split_alone_does(costs: list[float], cores: int) -> None:
    tasks = pack(costs, PackingRules(cores, least_cost=1e-9))
    sums: Counter[int] = Counter()
    for cost, task in zip(costs, tasks, strict=True):
        sums[task] += cost
    mean = sum(costs) / len(sums)
    for task, cost in sums.items():
        alone = tasks.count(task) == 1
        assert alone or cost <= 1.25 * mean * (1 + 1e-6)


@given(costs, st.integers(1, 16))
def test_tasks_are_numbered_without_a_gap(costs: list[float], cores: int) -> None:
    tasks = pack(costs, PackingRules(cores))
    assert set(tasks) == set(range(max(tasks) + 1))


@given(costs, st.integers(1, 16))
def test_equal_costs_give_an_equal_packing(costs: list[float], cores: int) -> None:
    assert pack(costs, PackingRules(cores)) == pack(list(costs), PackingRules(cores))


def test_what_is_not_worth_a_hand_off_shares_one_task() -> None:
    assert set(pack([0.001] * 50, PackingRules(8, least_cost=0.1))) == {0}


def test_even_work_fills_all_cores() -> None:
    assert Counter(pack([1.0] * 40, PackingRules(4))) == {0: 10, 1: 10, 2: 10, 3: 10}


def test_a_giant_split_stands_alone_beside_even_tasks() -> None:
    tasks = pack([60.0] + [0.008] * 5_000, PackingRules(4))
    assert tasks.count(tasks[0]) == 1
    assert is_even([60.0] + [0.008] * 5_000, tasks)


def test_nothing_to_pack_needs_no_task() -> None:
    assert pack([], PackingRules(4)) == ()


def test_no_parallelism_is_refused() -> None:
    with pytest.raises(ValueError, match="parallelism"):
        PackingRules(0)
