"""The stateful model: in every run the same some hundred steps, in the long run 10,000 new ones."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.log_machine import LogMachine
from tests.model.machine import TableMachine

COMMON = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=False, print_blob=True)


both = pytest.mark.parametrize("machine", [TableMachine, LogMachine], ids=["mirror", "log"])


@both
def test_whatever_happens_readers_see_one_batch(machine: type[TableMachine]) -> None:
    same = settings(COMMON, derandomize=True, print_blob=False, max_examples=8, stateful_step_count=25)
    run_state_machine_as_test(machine, settings=same)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@both
def test_whatever_happens_readers_see_one_batch_over_ten_thousand_steps(machine: type[TableMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(COMMON, max_examples=250, stateful_step_count=40))
