"""Which batches a partition's present content comes from, past whatever rollbacks took back. Pure."""

from collections.abc import Iterator, Sequence

from partitioner.history.kinds import Kind
from partitioner.history.table_state import Attempt
from partitioner.values import DataFile, PartitionValues


def standing_batches(attempts: Sequence[Attempt], partition: PartitionValues) -> Iterator[Attempt]:
    """Committed batches that moved `partition` and still count there, newest first; none before a rebuild."""
    reach: int | None = None
    for attempt in reversed(attempts):
        manifest = attempt.manifest
        if not attempt.committed or manifest is None or (reach is not None and manifest.batch > reach):
            continue
        if all(move.partition != partition for move in manifest.moves):
            continue
        if manifest.kind is Kind.REBUILD:
            return
        if manifest.kind is Kind.ROLLBACK:
            reach = manifest.target
        elif manifest.kind is Kind.BATCH:
            yield attempt


def file_written_by(attempts: Sequence[Attempt], partition: PartitionValues, file: DataFile) -> Attempt | None:
    """The batch that wrote a live file: it may have been taken over from version to version since."""
    writer: Attempt | None = None
    for attempt in standing_batches(attempts, partition):
        move = (
            next(move for move in attempt.manifest.moves if move.partition == partition) if attempt.manifest else None
        )
        if move is None or file not in move.new.files:
            break
        writer = attempt
    return writer
