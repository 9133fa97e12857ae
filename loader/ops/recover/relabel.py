"""Write again what a swap says of its partitions, where they are but it is not: row counts, statistics, batch, attempt.

So it is after an adoption that died between its manifest and its swap (it counts as committed, for nothing moves), and
where somebody wrote a wrong numRows, from which Hive answers count(*). An attempt like any other: its swap names the
locations that are live.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from loader.basics.errors import ForeignChange
from loader.publish import preconditions
from loader.publish.batch import Batch
from loader.publish.one_call import limit_of
from loader.publish.parameters import ATTEMPT
from loader.publish.publish import publish
from loader.publish.steps import Step, claim, lock, record, settle
from loader.publish.swap import check, conclude, read_back, swap
from loader.state.open_table import Environment
from metastore.api import Partition
from partitioner.changes.cutting import calls_of
from partitioner.history.kinds import Kind
from partitioner.history.manifest import PartitionMove
from partitioner.history.table_state import TableState
from partitioner.values import PartitionValues, Version, same_location


def relabel(env: Environment) -> Sequence[PartitionValues]:
    """Of all partitions, those that were mislabelled; of none no attempt is made. Raises as any publish does.

    One that somebody else has changed is left as it is, for `verify` to tell of.
    """
    done: list[PartitionValues] = []
    wrong = _mislabelled(env, env.state.records().state, env.metastore.all_partitions(env.table))
    for part in calls_of([[partition] for partition in wrong], limit_of(env, env.partitions_per_swap)):
        work = _Relabelling(part)
        publish(Batch(env, Kind.REPAIR), work.steps)
        done += work.wrong
    return done


@dataclass(slots=True)
class _Relabelling:
    """Of those of `part` that are mislabelled still, under the lock."""

    part: Sequence[PartitionValues]
    wrong: tuple[PartitionValues, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        return (lock, settle, self.look, claim, self.stay, record, check, swap, read_back, conclude)

    def look(self, batch: Batch) -> None:
        env = batch.env
        preconditions.check_table(env)
        preconditions.check_not_overtaken(env, batch.before)
        self.wrong = _mislabelled(env, batch.before, env.metastore.partitions(env.table, self.part))
        batch.idle = not self.wrong

    def stay(self, batch: Batch) -> None:
        live = batch.before.live
        batch.moves = tuple(PartitionMove(p, live[p].location, live[p]) for p in self.wrong)
        batch.index = batch.before.index


def _mislabelled(env: Environment, state: TableState, found: Collection[Partition]) -> tuple[PartitionValues, ...]:
    """Those that are as they should be, but for parameters that are another version's, or nobody's."""
    known = [(seen, state.live[seen.values]) for seen in found if seen.values in state.live]
    wrong = [(seen, version) for seen, version in known if not _says(seen, version) and _is_ours(env, seen, version)]
    return tuple(sorted(seen.values for seen, _ in wrong))


def _says(seen: Partition, version: Version) -> bool:
    return seen.parameters.get("numRows") == str(version.rows) and seen.parameters.get(ATTEMPT) == version.attempt


def _is_ours(env: Environment, seen: Partition, version: Version) -> bool:
    if not same_location(seen.location, version.location):
        return False
    try:
        preconditions.check_version(env, seen, version)
    except (ForeignChange, FileNotFoundError):
        return False
    return True
