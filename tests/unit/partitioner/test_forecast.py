import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioner.history.kinds import Kind
from partitioner.history.manifest import Ending, Intent, Manifest, PartitionMove, Verdict
from partitioner.history.table_state import Attempt
from partitioner.planning.forecast import PastBatch, forecast, past_batches
from partitioner.planning.plan import CostRules
from partitioner.values import AttemptId, Version
from tests.unit.partitioner.build import version


def test_without_a_past_there_is_no_figure() -> None:
    assert forecast((), 2.0) is None


def test_one_past_batch_tells_the_overhead() -> None:
    assert forecast([PastBatch(1.0, 1.5)], 3.0).value == pytest.approx(3.5)


@given(st.floats(0.1, 5), st.floats(0.2, 4))
def test_overhead_and_pace_are_found_where_batches_differ(overhead: float, pace: float) -> None:
    past = [PastBatch(cost, overhead + pace * cost) for cost in (0.1, 0.4, 1.0, 2.0, 5.0)]
    told = forecast(past, 10.0)
    assert told.value == pytest.approx(overhead + pace * 10, rel=1e-6)
    assert told.error < 1e-6


def test_batches_that_are_all_alike_tell_no_pace() -> None:
    assert forecast([PastBatch(1.0, 1.4)] * 6, 2.0).value == pytest.approx(2.4)


def test_a_past_that_varies_without_a_reason_makes_a_large_error() -> None:
    past = [PastBatch(1.0, seconds) for seconds in (1.0, 3.0, 1.2, 2.8)]
    assert forecast(past, 1.0).error > 0.5


def attempt(number: int, new: Version, verdict: Verdict = Verdict.COMMITTED, kind: Kind = Kind.BATCH) -> Attempt:
    name = AttemptId(f"b{number}")
    started = number * 10_000
    return Attempt(
        Intent(number, name, kind, "run", None, started),
        Manifest(number, name, kind, None, started + 100, (PartitionMove(("a",), None, new),), ()),
        Ending(name, verdict, started + 2_000),
    )


def test_a_past_batch_costs_what_it_rewrote_not_what_it_linked() -> None:
    first = version("a", [1_000, 1_000])
    second = version("a", [1_000, 1_500])
    loaded, changed = past_batches([attempt(1, first), attempt(2, second)])
    assert loaded.cost == pytest.approx(CostRules().seconds((), 80_000) + CostRules().per_file)
    assert changed.cost == pytest.approx(CostRules().seconds((first.files[1],), 60_000))
    assert changed.seconds == 2.0


@pytest.mark.parametrize("what", [{"verdict": Verdict.ABORTED}, {"kind": Kind.ROLLBACK}])
def test_only_committed_batches_are_learned_from(what: dict[str, object]) -> None:
    assert past_batches([attempt(1, version("a", [10]), **what)]) == ()  # type: ignore[arg-type]
