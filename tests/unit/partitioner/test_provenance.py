from partitioner.history.kinds import Kind
from partitioner.history.manifest import Ending, Intent, Manifest, PartitionMove, Verdict
from partitioner.history.provenance import file_written_by, standing_batches
from partitioner.history.table_state import Attempt
from partitioner.values import AttemptId, Version
from tests.unit.partitioner.build import version

A = ("a",)
FIRST = version("a", [10, 10])
SECOND = version("a", [10, 20])


def attempt(number: int, *moved: Version, target: int | None = None, verdict: Verdict = Verdict.COMMITTED) -> Attempt:
    name = AttemptId(f"b{number}")
    kind = Kind.BATCH if target is None else Kind.ROLLBACK
    moves = tuple(PartitionMove(item.partition, None, item) for item in moved)
    manifest = Manifest(number, name, kind, None, number, moves, (), target=target)
    return Attempt(Intent(number, name, kind, "run", None, number), manifest, Ending(name, verdict, number))


def numbers(*attempts: Attempt) -> list[int]:
    return [found.intent.batch for found in standing_batches(attempts, A)]


def test_batches_that_moved_the_partition_count_newest_first() -> None:
    assert numbers(attempt(1, FIRST), attempt(2, version("b", [1])), attempt(3, SECOND)) == [3, 1]


def test_what_was_aborted_does_not_count() -> None:
    assert numbers(attempt(1, FIRST), attempt(2, SECOND, verdict=Verdict.ABORTED)) == [1]


def test_what_a_rollback_took_back_does_not_count_but_what_came_after_it_does() -> None:
    history = (attempt(1, FIRST), attempt(2, SECOND), attempt(3, FIRST, target=1), attempt(4, SECOND))
    assert numbers(*history) == [4, 1]


def test_a_rollback_that_left_the_partition_alone_takes_nothing_back_there() -> None:
    assert numbers(attempt(1, FIRST), attempt(2, version("b", [1])), attempt(3, version("b", []), target=1)) == [1]


def test_a_file_that_was_taken_over_was_written_by_the_batch_before() -> None:
    history = (attempt(1, FIRST), attempt(2, SECOND))
    writers = [file_written_by(history, A, file) for file in SECOND.files]
    assert [writer.intent.batch for writer in writers if writer] == [1, 2]
