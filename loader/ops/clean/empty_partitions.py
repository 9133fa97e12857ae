"""Drop partitions that hold no row: only when asked for, and as carefully as a swap.

One call names the fence and the partitions, all or none: so a drop that comes late, when somebody may have put rows
there again, finds its fence gone and drops nothing. One that is under way as its fence falls is not stopped by it, so
that a drop without an answer stays UNKNOWN until it has landed. The drop is an attempt with number, manifest and
outcome.
"""

from contextlib import suppress

from loader.basics.errors import Conflict, OutcomeUnknown
from loader.publish import preconditions
from loader.publish.batch import Batch, Decided
from loader.publish.publish import publish
from loader.publish.read_back import ENDED, not_committed
from loader.publish.settling import settle_attempt
from loader.publish.steps import Step, claim, lock, record, settle
from loader.publish.swap import conclude
from loader.state.deleting import remove_empty
from loader.state.open_table import Environment
from metastore.errors import MetastoreError
from partitioner.history.kinds import Kind
from partitioner.history.manifest import Verdict
from partitioner.history.settling import Outcome
from partitioner.history.table_state import Attempt
from partitioner.values import PartitionValues, Version, same_location

AT_ONCE = 500
"""Partitions in one call."""


def find_empty_partitions(env: Environment) -> tuple[PartitionValues, ...]:
    """Those that are live and hold no row, and are where they should be, with the files they should have."""
    state = env.state.records().state
    bare = {partition: version for partition, version in state.live.items() if not version.rows}
    found = env.metastore.partitions(env.table, sorted(bare)) if bare else ()
    return tuple(seen.values for seen in found if _is_bare(env, seen.values, seen.location, bare[seen.values]))


def _is_bare(env: Environment, partition: PartitionValues, location: str, version: Version) -> bool:
    if not same_location(location, version.location):
        return False
    with suppress(FileNotFoundError):
        if env.files.list(env.layout.placeholder(env.name_of(partition))):
            return False
    preconditions.check_listing(env, version)
    return True


def drop_empty_partitions(env: Environment) -> tuple[PartitionValues, ...]:
    """Drop them, some hundred a call; those that were. Raises ForeignChange if somebody has put files into one."""
    dropped: list[PartitionValues] = []
    while True:
        batch = publish(Batch(env, Kind.DROP), DROP_STEPS)
        if batch.idle:
            return tuple(dropped)
        dropped += batch.decided.dropped


def choose(batch: Batch) -> None:
    """None: no attempt."""
    batch.decided = Decided(dropped=find_empty_partitions(batch.env)[:AT_ONCE])
    batch.index = batch.before.index
    batch.idle = not batch.decided.dropped


def check_fence(batch: Batch) -> None:
    """Without a fence a drop whose reply is lost could take away what is published there later."""
    if batch.attempt.fence is None:
        raise Conflict(
            f"{batch.env.table} has no fence, so its empty partitions cannot be dropped safely",
            "Stop the loader and drop them by ALTER TABLE … DROP PARTITION, if they must go.",
        )


def drop(batch: Batch) -> None:
    """The one call. Placeholders go first: MSCK would make partitions of those that stay behind."""
    env, fence = batch.env, batch.attempt.fence
    assert fence is not None
    preconditions.check_not_overtaken(env, batch.before)
    preconditions.check_not_settled(env, batch.attempt.batch)
    if batch.lock is not None:
        batch.lock.ensure()
    for partition in batch.decided.dropped:
        _remove_placeholder(env, env.layout.placeholder(env.name_of(partition)))
    batch.swap_sent = True
    try:
        env.metastore.drop_partitions(env.table, [fence, *batch.decided.dropped])
        env.fences.forget_own()
    except MetastoreError as error:
        batch.swap_failure = error


def _remove_placeholder(env: Environment, folder: str) -> None:
    """Durably, as the call that follows is. One that holds files stays."""
    with suppress(OSError):
        remove_empty(env.files, env.layout, folder)
    with suppress(FileNotFoundError):
        env.files.sync([folder.rpartition("/")[0]])


def read_back(batch: Batch) -> None:
    """Whatever the call answered, reading tells; the fence is dropped first."""
    attempt, failure = Attempt(batch.attempt, batch.recorded, None), batch.swap_failure
    over = failure is None or isinstance(failure, ENDED)
    try:
        settlement = settle_attempt(batch.env, attempt, str(failure or "nothing was dropped"), over)
    except (MetastoreError, OSError) as error:
        batch.outcome = Outcome.UNKNOWN
        raise OutcomeUnknown(
            f"empty partitions of {batch.env.table} were to be dropped, but what became of it cannot be read: {error}",
            f"Run `hotswap recover {batch.env.table}` when the metastore answers again.",
        ) from error
    except OutcomeUnknown:
        batch.outcome = Outcome.UNKNOWN
        raise
    if settlement.verdict is not Verdict.COMMITTED:
        raise not_committed(batch) from failure
    batch.outcome = Outcome.COMMITTED


DROP_STEPS: tuple[Step, ...] = (lock, settle, choose, claim, check_fence, record, drop, read_back, conclude)
