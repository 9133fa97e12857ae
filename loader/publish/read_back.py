"""What became of a swap, and of partitions that a stale write has put back."""

import logging

from loader.basics.errors import Conflict, HotswapError, from_foreign
from loader.publish.batch import Batch
from loader.publish.settling import live_partitions, settle_attempt
from metastore.errors import NoSuchPartition, Refused, TooLarge, Unreachable
from partitioner.history.kinds import Kind
from partitioner.history.manifest import Verdict
from partitioner.history.settling import Outcome, observe
from partitioner.history.stale_writes import written_back
from partitioner.history.table_state import Attempt
from partitioner.values import PartitionValues

log = logging.getLogger(__name__)

ENDED = (Refused, Unreachable, TooLarge)
"""Answers after which a swap cannot land any more: the server has done with it, or it was never sent."""


def outcome_of_swap(batch: Batch) -> Outcome:
    """COMMITTED or NOT_COMMITTED, by reading. Raises OutcomeUnknown, ForeignChange, Damage."""
    env, manifest, failure = batch.env, batch.recorded, batch.swap_failure
    if failure is None:
        live, records = live_partitions(env, manifest), env.state.records()
        if observe(live, manifest, batch.before, records.attempts, landed=True) is Outcome.COMMITTED:
            batch.written_back += written_back({m.partition: m.new for m in manifest.moves}, live, records.attempts)
            return Outcome.COMMITTED
    over = failure is None or isinstance(failure, ENDED)
    attempt = Attempt(batch.attempt, manifest, None)
    settlement = settle_attempt(env, attempt, str(failure or "the call returned, but nothing moved"), over)
    return Outcome.COMMITTED if settlement.verdict is Verdict.COMMITTED else Outcome.NOT_COMMITTED


def not_committed(batch: Batch) -> HotswapError:
    """The error of a swap that is known not to have landed."""
    what = f"batch {batch.attempt.batch} of {batch.env.table}"
    failure = batch.swap_failure
    if isinstance(failure, NoSuchPartition) and batch.attempt.fence in failure.values:
        return Conflict(
            f"{what} came too late: another loader has settled it as aborted",
            "This loader was stopped for longer than its lock lives. Nothing was published; run again.",
        )
    known = from_foreign(failure) if failure else None
    return (type(known) if known else HotswapError)(
        f"the metastore did not take the swap of {what}: {failure or 'it was undone at once'}",
        "Nothing changed. The metastore's own log says why; the next batch tries again.",
    )


def note_written_back(batch: Batch, partitions: tuple[PartitionValues, ...]) -> None:
    """A batch mends what it swaps anyway; a rollback may want to go where the stale write went, so it does not."""
    if not partitions:
        return
    names = ", ".join(batch.env.name_of(partition) for partition in partitions[:5])
    if batch.kind is Kind.ROLLBACK:
        raise Conflict(
            f"{len(partitions)} partition(s) of {batch.env.table} were put back by a stale write: {names}",
            f"Nothing was moved. `hotswap recover {batch.env.table}` mends them; then run this again.",
        )
    log.warning("%s: a stale write (ANALYZE, ADD COLUMNS) has put back %s; this swap mends it", batch.env.table, names)
    batch.written_back = tuple(sorted({*batch.written_back, *partitions}))
