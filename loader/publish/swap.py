"""The steps of an attempt from its manifest on: what it adds, the check, the one swap, and what became of it."""

from collections.abc import Sequence

from loader.basics.errors import Damage, OutcomeUnknown, Unavailable
from loader.publish import moves, preconditions
from loader.publish.batch import Batch
from loader.publish.preconditions import require
from loader.publish.read_back import not_committed, note_written_back, outcome_of_swap
from loader.state.open_table import Environment
from metastore.api import Partition
from metastore.errors import AlreadyExists, MetastoreError
from partitioner.history.manifest import Ending, Verdict
from partitioner.history.settling import Outcome
from partitioner.values import PartitionValues


def add_missing(batch: Batch) -> None:
    """Partitions that do not exist yet are added where an empty version waits: never a row before the swap."""
    env = batch.env
    new = [move for move in batch.moves if move.placeholder]
    if not new:
        return
    moves.write_waiting(env, new)
    preconditions.check_not_settled(env, batch.attempt.batch)
    try:
        env.metastore.add_partitions(env.table, [moves.empty_partition(batch, move) for move in new])
    except AlreadyExists as error:
        preconditions.check_not_settled(env, batch.attempt.batch)
        preconditions.check_not_overtaken(env, batch.before)
        there = env.metastore.partitions(env.table, [move.partition for move in new])
        if not all(preconditions.is_stray(env, partition.values, partition.location) for partition in there):
            raise
        raise Unavailable(
            f"partitions of {env.table} were added late, by an attempt that has ended: {error}",
            "Nothing was published. The next batch takes them over.",
        ) from error


def check(batch: Batch) -> None:
    """Read everything again that the swap relies on."""
    env = batch.env
    if not batch.moves:
        return
    fence = batch.attempt.fence
    batch.found = read_partitions(env, [*(move.partition for move in batch.moves), *([fence] if fence else [])])
    note_written_back(batch, require(batch, "check"))
    require(batch, "swap")


def swap(batch: Batch) -> None:
    """The one call. Whatever it raises, only reading tells what happened."""
    if not batch.moves:
        return
    partitions = moves.swapped(batch)
    batch.swap_sent = True
    try:
        batch.env.metastore.alter_partitions(batch.env.table, partitions)
    except MetastoreError as error:
        batch.swap_failure = error


def read_back(batch: Batch) -> None:
    """COMMITTED or NOT_COMMITTED by reading; UNKNOWN while the metastore cannot be read."""
    if not batch.moves:
        batch.outcome = Outcome.COMMITTED
        return
    try:
        batch.outcome = outcome_of_swap(batch)
    except (MetastoreError, OSError) as error:
        batch.outcome = Outcome.UNKNOWN
        raise OutcomeUnknown(
            f"the swap of batch {batch.attempt.batch} of {batch.env.table} was sent, but what became of it cannot be"
            f" read back: {error}",
            f"Run `hotswap recover {batch.env.table}` when the metastore answers again.",
        ) from error
    except OutcomeUnknown:
        batch.outcome = Outcome.UNKNOWN
        raise
    batch.confirmed_ms = batch.env.clock()
    if batch.outcome is Outcome.NOT_COMMITTED:
        raise not_committed(batch) from batch.swap_failure


def conclude(batch: Batch) -> None:
    """The outcome object; what was replaced counts as superseded from its time on."""
    what = f"batch {batch.attempt.batch} of {batch.env.table}"
    ending = Ending(batch.attempt.attempt, Verdict.COMMITTED, batch.env.latest_now())
    try:
        stored = batch.env.state.conclude(batch.attempt.batch, ending)
    except OSError as error:
        raise OutcomeUnknown(
            f"{what} is live, but its outcome could not be stored: {error}",
            f"Make room or give the right to write, then run `hotswap recover {batch.env.table}`.",
        ) from error
    if stored.verdict is Verdict.COMMITTED:
        return
    if not batch.moves:
        batch.outcome = Outcome.NOT_COMMITTED
        preconditions.check_not_settled(batch.env, batch.attempt.batch)
    raise Damage(
        f"{what} is live, but was settled as {stored.verdict}",
        "Stop all loaders of this table and run `hotswap recover`.",
    )


def read_partitions(env: Environment, wanted: Sequence[PartitionValues]) -> dict[PartitionValues, Partition]:
    """Those of `wanted` that the metastore has."""
    return {found.values: found for found in env.metastore.partitions(env.table, wanted)}
