"""A loaded table made anew from all of HBase: read and written as a first load is, published over what is live."""

from collections.abc import Iterable
from dataclasses import dataclass

from loader.basics.errors import ConfigError, Conflict, Held, NeedsConfirmation, TooLarge, UnsuitableTable
from loader.ops.bootstrap.attempt import Prepared, place, whole_table_steps
from loader.publish.batch import Batch, Carried
from loader.publish.one_call import RAISE_BYTES, are_few, limit_of
from loader.publish.preconditions import check_configured, specs
from loader.publish.publish import publish
from loader.publish.shares import SMALL_DELETE, too_many
from loader.state.definitions import Described, changes, current, parts_of
from loader.state.open_table import Environment
from loader.state.quarantine import quarantined
from partitioner.history.kinds import Kind
from partitioner.history.table_state import TableState
from partitioner.values import ColumnSpec, PartitionValues

OTHER_TABLE = (
    "A rebuild makes other rows, not another Hive table. `hotswap evolve` adds columns behind the others; for any other"
    " change of columns or partition keys load a table of another name and location."
)


@dataclass(frozen=True, slots=True)
class RebuildPlan:
    """What a rebuild would do, as far as it is known before HBase is read. `changes`: setting: before → now."""

    table: str
    regions: int
    partitions: int
    rows: int
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rebuild:
    """How a rebuild is published: over all that is live, which a rollback may bring back.

    `definition`: of the rows that it makes. `max_delete_share`: of the rows that are live; 1: any number.
    """

    definition: Described
    max_delete_share: float = 0.5
    max_rejected: int | None = None

    @property
    def salt(self) -> str:
        return f" rebuild {self.definition.digest}"

    def check(self, env: Environment) -> None:
        """Before anything is read. Raises Conflict (never loaded), Held, TooLarge."""
        state = env.state.records().state
        if not state.batch:
            raise Conflict(f"{env.table} was never loaded", f"Run `hotswap bootstrap {env.table}` or `hotswap run`.")
        _check_free(env, state)
        if state.live and current(env) is None:
            raise ConfigError(
                f"what made the rows of {env.table} is not on record yet, so a rollback could not go back to them",
                f"Run `hotswap run {env.table} --once` with the configuration that made them; then change it.",
            )
        check_one_call(env, state.live)

    def is_over(self, env: Environment, begun_ms: int) -> bool:
        """Whether a rebuild was published since."""
        return any(
            attempt.ending is not None and attempt.ending.concluded_ms >= begun_ms
            for attempt in env.state.records().attempts
            if attempt.committed and attempt.intent.kind is Kind.REBUILD
        )

    def publish(self, env: Environment, prepared: Prepared) -> Batch:
        """One swap. Raises what a publish raises, NeedsConfirmation, TooManyRejected, TooLarge."""

        def judge(batch: Batch) -> None:
            self._judge(batch, prepared)

        def put(batch: Batch) -> None:
            place(batch, prepared, sorted(batch.before.live.keys() - prepared.files.keys()))
            batch.carried = Carried(healed=_healed(env, prepared))

        return publish(Batch(env, Kind.REBUILD), whole_table_steps(judge, put))

    def _judge(self, batch: Batch, prepared: Prepared) -> None:
        """What a batch's preconditions say of its news, said of the whole table."""
        env, live, rejected = batch.env, batch.before.live, prepared.rejected
        _check_free(env, batch.before)
        if self.is_over(env, prepared.begun_ms):
            raise Conflict(f"another rebuild of {env.table} has just been published", "There is nothing to do.")
        check_one_call(env, live.keys() | prepared.files.keys(), len(live))
        if self.max_rejected is not None and len(rejected) > self.max_rejected:
            raise too_many(f"{len(rejected)} rows of {env.table}", self.max_rejected, rejected)
        rows = sum(version.rows for version in live.values())
        gone = rows - prepared.rows
        if gone > max(SMALL_DELETE, self.max_delete_share * rows):
            raise NeedsConfirmation(
                f"the rebuild would leave {prepared.rows} of the {rows} rows of {env.table}",
                "Nothing was published. If that is right, run it again with --confirm-deletes: it goes on where it is;"
                " if not, check the configuration, the HBase table and its permissions.",
            )


def preview_rebuild(env: Environment, rebuild: Rebuild, regions: int) -> RebuildPlan:
    """Raises what `Rebuild.check` raises."""
    rebuild.check(env)
    live, has = env.state.records().state.live, current(env)
    before = parts_of(env, has.digest) if has is not None else None
    told = () if has == rebuild.definition.definition else changes(before, rebuild.definition.parts)
    return RebuildPlan(str(env.table), regions, len(live), sum(version.rows for version in live.values()), tuple(told))


def check_same_table(env: Environment, columns: Iterable[ColumnSpec], keys: Iterable[ColumnSpec]) -> None:
    """The configuration has the Hive table's columns and partition keys. Raises UnsuitableTable."""
    try:
        check_configured(env.table, "columns", env.columns, tuple(columns))
        check_configured(env.table, "partition keys", specs(env.partition_keys), tuple(keys))
    except UnsuitableTable as error:
        raise UnsuitableTable(error.message, OTHER_TABLE) from None


def check_one_call(env: Environment, partitions: Iterable[PartitionValues], live: int | None = None) -> None:
    """One metastore call takes all of them. `live`: how many of them there are already. Raises TooLarge."""
    moved = tuple(partitions)
    if are_few(len(moved), env.partitions_per_swap):
        return
    limit = limit_of(env, env.partitions_per_swap)
    size = limit.size_of(moved)
    if limit.takes(len(moved), size):
        return
    takes, do = f"{limit.bytes:,.0f} bytes, and these may have {size:,.0f}", RAISE_BYTES.partition(";")[0] + "."
    if limit.partitions is not None and len(moved) > limit.partitions:
        takes = f"{limit.partitions:,} (partitions_per_swap, less the fence)"
        do = "Raise partitions_per_swap, if the metastore takes that many (see docs/how-it-commits.md)."
    of = "" if live is None else f" ({live:,} of them live now)"
    raise TooLarge(
        f"a rebuild moves all {len(moved):,} partitions of {env.table}{of} in one metastore call, which takes {takes}",
        f"Nothing was published. {do}",
    )


def _check_free(env: Environment, state: TableState) -> None:
    if state.holds:
        raise Held(
            f"{env.table} is held, as a whole or in parts: it is meant to stay as it is",
            f"`hotswap resume {env.table}` ends the holds; then rebuild it.",
        )


def _healed(env: Environment, prepared: Prepared) -> tuple[str, ...]:
    """Rows in quarantine that could be read now, or are gone."""
    bad = {row.key.hex() for row in prepared.rejected}
    return tuple(sorted(quarantined(env.files, env.layout, env.state.records().attempts).keys() - bad))
