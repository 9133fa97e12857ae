"""Adoption as an attempt: it writes no rows, its manifest and its swap make what is there ours.

The key index is made anew from all files, which also proves that no key stands twice. What the rows are worth only a
comparison with HBase tells: it is owed.
"""

from dataclasses import dataclass, replace

from loader.basics.errors import Conflict
from loader.datafiles.split_file import RawKeys, write_empty
from loader.ops.adopt.survey import Find, survey, version_of
from loader.ops.reindex.attempt import Rebuilding
from loader.publish.batch import Batch
from loader.publish.publish import publish
from loader.publish.steps import Step, claim, lock, record, settle
from loader.publish.swap import add_missing, check, conclude, read_back, swap
from loader.sources.api import moved_to
from loader.state.gaps import Debt, owe
from loader.state.key_index_files import KeyStore
from loader.state.open_table import Environment
from partitioner.history.kinds import Kind
from partitioner.history.manifest import PartitionMove
from partitioner.history.position import Position
from partitioner.values import Version, canonical_location


@dataclass(frozen=True, slots=True)
class AdoptedPartition:
    """One partition of the plan, for people and programs."""

    partition: str
    what: str
    location: str | None
    files: int
    rows: int


@dataclass(frozen=True, slots=True)
class AdoptReport:
    """What `adopt` would take over, or has. `batch` None: nothing was done."""

    table: str
    partitions: tuple[AdoptedPartition, ...]
    batch: int | None = None

    @property
    def rows(self) -> int:
        return sum(item.rows for item in self.partitions)


@dataclass(frozen=True, slots=True)
class Origin:
    """The source's id, and how far back of now a put may still be invisible: where a fresh table's windows begin."""

    source: str
    lag_ms: int
    overlap_ms: int


def preview_adopt(env: Environment) -> AdoptReport:
    """Raises UnsuitableTable."""
    return _report(env, survey(env, env.state.records().state))


def adopt(env: Environment, raw_keys: RawKeys, origin: Origin, shown: AdoptReport, index: bool) -> AdoptReport:
    """Take over what was shown. `index`: the table needs a key index. Raises Conflict if it is not that any more."""
    work = _Adoption(raw_keys, origin, shown, index)
    steps: tuple[Step, ...] = (
        lock,
        settle,
        work.look,
        claim,
        work.accept,
        work.owe,
        record,
        add_missing,
        check,
        swap,
        read_back,
        conclude,
    )
    batch = publish(Batch(env, Kind.ADOPT), steps)
    if batch.idle:
        return replace(shown, partitions=())
    return replace(shown, batch=batch.attempt.batch)


@dataclass(slots=True)
class _Adoption:
    raw_keys: RawKeys
    origin: Origin
    shown: AdoptReport
    index: bool
    finds: tuple[Find, ...] = ()

    def look(self, batch: Batch) -> None:
        """The plan is made again under the lock."""
        env = batch.env
        self.finds = survey(env, batch.before)
        if _report(env, self.finds) != self.shown:
            raise Conflict(
                f"{env.table} has changed since this was shown", "Nothing was taken over. Look at the preview again."
            )
        batch.idle = not self.finds

    def accept(self, batch: Batch) -> None:
        """The moves, the state that they make, and the key index of that state."""
        env = batch.env
        batch.moves = tuple(self._move(batch, find) for find in self.finds)
        live = {**batch.before.live, **{move.partition: move.new for move in batch.moves}}
        batch.before = replace(batch.before, live=live)
        if self.index:
            store = env.keystore or KeyStore(env.files, env.layout)
            Rebuilding(store, self.raw_keys).rebuild(batch)
        else:
            batch.index = ()
        if batch.before.position is None:
            start = env.clock() - self.origin.lag_ms
            position = Position(self.origin.source, start, start, max(0, start - self.origin.overlap_ms))
            batch.poll = moved_to(position)

    def owe(self, batch: Batch) -> None:
        """Before the manifest: an adoption moves nothing, so from then on it may be settled as committed.

        The debt of one that was aborted costs a comparison.
        """
        env, now = batch.env, batch.env.clock()
        reason = "what was taken over has not been compared with HBase"
        owe(env.files, env.layout, Debt(f"adopt {batch.attempt.batch}", reason, self.origin.source, now, 0, now))

    def _move(self, batch: Batch, find: Find) -> PartitionMove:
        env = batch.env
        env.files.make_dirs(env.layout.placeholder(find.name))
        if find.seen is not None:
            return PartitionMove(find.partition, find.seen.location, version_of(env, find, batch.attempt.attempt))
        empty = canonical_location(env.layout.empty_version(find.name, batch.attempt.attempt))
        return PartitionMove(find.partition, None, self._empty(batch, find), empty)

    def _empty(self, batch: Batch, find: Find) -> Version:
        """A dropped partition comes back without rows: the comparison says what belongs there."""
        env = batch.env
        location = canonical_location(env.layout.version(find.name, batch.attempt.attempt))
        env.files.make_dirs(location)
        file = write_empty(env.files, location, env.columns, env.format)
        return Version(
            find.partition,
            batch.attempt.attempt,
            location,
            env.format,
            env.columns,
            (replace(file, by=batch.attempt.attempt),),
        )


def _report(env: Environment, finds: tuple[Find, ...]) -> AdoptReport:
    return AdoptReport(
        str(env.table),
        tuple(
            AdoptedPartition(
                find.name, find.what, find.seen.location if find.seen else None, len(find.files), find.rows
            )
            for find in finds
        ),
    )
