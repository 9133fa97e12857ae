"""`hotswap rebuild`: a loaded table is made anew from all of HBase, under today's configuration, in one swap.

It is read, split and written as a first load is, beside what is live; readers see nothing of it before the swap. What
changes meanwhile is asked of the next batches, which begin where this began. A rollback takes it back.
"""

from collections.abc import Collection
from dataclasses import dataclass

from loader.basics.errors import Conflict, Held, NeedsConfirmation
from loader.ops.bootstrap.attempt import Prepared, publish_rebuild
from loader.ops.bootstrap.run import Bootstrap
from loader.publish.batch import Batch
from loader.publish.one_call import are_few, check_fits, limit_of
from loader.publish.shares import SMALL_DELETE
from loader.state.definitions import Described, store
from loader.state.open_table import Environment
from partitioner.history.table_state import TableState
from partitioner.values import PartitionValues


@dataclass(frozen=True, slots=True)
class RebuildPlan:
    """What a rebuild would replace, as far as it is known before HBase is read. `changes`: of the configuration."""

    table: str
    batch: int
    partitions: int
    rows: int
    bytes: int
    regions: int
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RebuildRules:
    """`most`: partitions of one call; None: what its message holds. `max_delete_share`: of the live rows."""

    most: int | None = None
    max_delete_share: float = 1.0


@dataclass(slots=True)
class Rebuild(Bootstrap):
    """`described`: the definition of the rows that it makes; `replaces`: how much may go."""

    described: Described | None = None
    replaces: RebuildRules = RebuildRules()

    def check(self) -> None:
        """Raises Conflict (never loaded), Held, and TooLarge if what is live alone does not fit one call."""
        state = self.env.state.records().state
        check_replaceable(self.env, state)
        _check_fits(self.env, state.live, self.replaces.most)

    def publish(self, prepared: Prepared) -> Batch:
        """Raises NeedsConfirmation if too many rows would go, TooLarge; nothing is published then."""

        def may_replace(batch: Batch) -> None:
            check_replaceable(self.env, batch.before)
            _check_fits(self.env, batch.before.live.keys() | prepared.files.keys(), self.replaces.most)
            _check_deletes(self.env, batch.before, prepared.rows, self.replaces.max_delete_share)

        if self.described is not None:
            store(self.env, self.described)
        return publish_rebuild(self.env, prepared, may_replace)


def check_replaceable(env: Environment, state: TableState) -> None:
    """The table was loaded, and nobody holds any of it. Raises Conflict, Held."""
    if not state.batch:
        raise Conflict(
            f"nothing of {env.table} is published yet, so there is nothing to rebuild",
            "`hotswap bootstrap` or `hotswap run` loads it.",
        )
    if state.holds:
        raise Held(
            f"{env.table} is held since batch {state.holds[-1].batch}, at least in part",
            f"Nothing was changed. `hotswap resume {env.table}` ends the hold; then rebuild it.",
        )


def _check_fits(env: Environment, partitions: Collection[PartitionValues], most: int | None) -> None:
    """One swap moves all of it, so that no reader sees rows of two configurations. Raises TooLarge."""
    if not are_few(len(partitions), most):
        check_fits(env, partitions, limit_of(env, most))


def _check_deletes(env: Environment, before: TableState, after: int, share: float) -> None:
    """A truncated source, lost rights or a wrong mapping look like many deletes."""
    rows = sum(version.rows for version in before.live.values())
    if rows - after > max(SMALL_DELETE, share * rows):
        raise NeedsConfirmation(
            f"{env.table} has {rows} rows, and the rebuilt one would have {after}",
            "Nothing was published. If that is right, run it again with --confirm-deletes: it goes on where it was.",
        )
