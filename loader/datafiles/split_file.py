"""One split: read its old files, merge the changes, write ONE new file, publish it under its only name.

Memory of one split, however large its file is: one row group of the old file as it is stored and one batch of
`batch_bytes` read from it, one row group of `row_group_bytes` being gathered and encoded, and the split's changes.
(ORC: one stripe of the old file instead, decoded.) With `sort_by` also three times `sort_bytes`.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from io import SEEK_END, BytesIO
from typing import BinaryIO, Protocol, TypeVar

import pyarrow as pa

from loader.basics.errors import Damage
from loader.datafiles.orc_file import OrcInput, OrcOutput, OrcSettings
from loader.datafiles.parquet_file import ParquetInput, ParquetOutput, ParquetSettings
from loader.storage.files import Files, join, naming
from partitioner.arrow_types import arrow_schema
from partitioner.changes.change_set import ChangeSet
from partitioner.merge.conform import conform, without_dictionaries
from partitioner.merge.encoding import Encoding, choose_encoding, with_one_dictionary
from partitioner.merge.merge_split import MergeCounts, append_rows, merge_split
from partitioner.merge.rules import NEWEST_WINS, MergeRule
from partitioner.merge.sorting import in_order
from partitioner.planning.batch_plan import BatchPlan, SplitPlan, SplitResult
from partitioner.planning.plan import file_name
from partitioner.values import Bucket, ColumnSpec, DataFile, PartitionValues, SplitId

RawKeys = Callable[[pa.RecordBatch, PartitionValues], pa.Array]
"""The raw HBase row keys (binary) of rows of one partition, from their columns: the mapping, inverted. Must pickle."""

MEBIBYTE = 1 << 20
T = TypeVar("T")
R = TypeVar("R")


class Rewriter(Protocol):
    """Carries a plan's splits out. Linking the untouched files is not its business."""

    def rewrite(self, plan: BatchPlan, changes: ChangeSet) -> tuple[SplitResult, ...]:
        """Write every split's file into its version's folder; results in the order of `plan.splits`.

        Raises DriftError where files and key index disagree, UnroutableChange where plan and changes do; then some
        files may be written, and the attempt must not be published.
        """


@dataclass(frozen=True, slots=True)
class WriteSettings:
    """How data files are written; sizes in bytes of memory."""

    parquet: ParquetSettings = field(default_factory=ParquetSettings)
    orc: OrcSettings = field(default_factory=OrcSettings)
    row_group_bytes: int = 64 * MEBIBYTE
    batch_bytes: int = 32 * MEBIBYTE
    sort_by: tuple[str, ...] = ()
    sort_bytes: int = 256 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Tools:
    """What every split of a table is rewritten with. Pickles, small, to wherever that happens."""

    files: Files
    raw_keys: RawKeys
    columns: tuple[ColumnSpec, ...]
    format: str
    key_columns: tuple[str, ...] | None = None  # what raw_keys looks at; None: it is given all columns
    rule: MergeRule = NEWEST_WINS
    settings: WriteSettings = field(default_factory=WriteSettings)


@dataclass(frozen=True, slots=True)
class SplitWork:
    """One split with the folders of its old version (None: there is none) and its new one."""

    split: SplitPlan
    source: str | None
    source_format: str
    destination: str


class _Input(Protocol):
    """One open data file."""

    @property
    def rows(self) -> int: ...

    def dictionaries(self) -> frozenset[str]: ...

    def remembered(self) -> Encoding | None: ...

    def batches(self, dictionaries: frozenset[str], only: frozenset[str] | None = None) -> Iterator[pa.RecordBatch]: ...


@dataclass(frozen=True, slots=True)
class _RowGroup:
    rows: pa.Table
    last: bool


class _Output(Protocol):
    """One data file being written."""

    def write(self, rows: pa.Table) -> None: ...

    def close(self) -> None: ...


def works_of(plan: BatchPlan) -> tuple[SplitWork, ...]:
    """The plan's splits as work, in the order of `plan.splits`."""
    return tuple(
        SplitWork(split, old.location if old else None, old.format if old else plan.format, partition.location)
        for partition in plan.partitions
        for old in [partition.old]
        for split in partition.splits
    )


def rewrite_split(work: SplitWork, changes: pa.Table, tools: Tools, temporary: str) -> SplitResult:
    """Rewrite one split; `temporary` is a path that nobody else uses, outside of every version.

    Twice at once, or again after a success, is harmless: the first to publish wins, the other checks what it finds.
    """
    split = work.split
    with ExitStack() as opened:
        inputs = [(file.bucket, _open_input(work, file, tools, opened)) for file in split.reads]
        schema = _schema(tools.columns, [source.dictionaries() for _, source in inputs])
        merged = _merged(split, _batches(inputs, schema), changes, schema, tools)
        final, counts = join(work.destination, split.name), None
        try:
            with naming(temporary), tools.files.new_file(temporary, final) as stream:
                counts = write_rows(stream, merged, schema, tools, _remembered(split, inputs, len(changes)))
                size = stream.tell()
        except FileExistsError:
            if counts is None:
                raise
            size = _size_as_found(final, counts.after, tools)
    return _result(split.partition, DataFile(split.name, split.bucket, counts.after, size), counts)


def _merged(
    split: SplitPlan,
    batches: Iterator[tuple[Bucket, pa.RecordBatch]],
    changes: pa.Table,
    schema: pa.Schema,
    tools: Tools,
) -> Generator[pa.RecordBatch, None, MergeCounts]:
    if not tools.rule.keyed:
        return append_rows(batches, changes, schema)
    return merge_split(
        batches,
        lambda batch: tools.raw_keys(_plain(batch, tools.key_columns), split.partition),
        changes,
        schema,
        split=SplitId(split.partition, split.bucket),
        rule=tools.rule,
    )


def write_rows(
    stream: BinaryIO,
    merged: Generator[pa.RecordBatch, None, MergeCounts],
    schema: pa.Schema,
    tools: Tools,
    remembered: Encoding | None = None,
) -> MergeCounts:
    """Write a merge's rows as one data file; returns the merge's books. The first row group decides the encodings, or
    what the old file has `remembered`.
    """
    settings = tools.settings
    ordered = in_order(merged, schema, settings.sort_by, settings.sort_bytes) if settings.sort_by else merged
    groups = _row_groups(ordered, schema, settings.row_group_bytes)
    group, counts = _next(groups)
    chosen = choose_encoding(group.rows, whole=group.last, before=remembered) if group is not None else Encoding()
    with closing(_output(stream, schema, chosen, tools.format, settings)) as output:
        while group is not None:
            output.write(group.rows)
            group, counts = _next(groups)
    if counts is None:
        raise AssertionError("a merge ends with its books")
    return counts


def write_empty(
    files: Files, location: str, columns: Sequence[ColumnSpec], format: str, settings: WriteSettings | None = None
) -> DataFile:
    """Create the one zero-row file of an empty version in the folder `location`. FileExistsError if it is there."""
    schema, stream, bucket = arrow_schema(columns), BytesIO(), Bucket(0, 1)
    _output(stream, schema, Encoding(), format, settings or WriteSettings()).close()
    data = stream.getvalue()
    files.create(join(location, file_name(bucket, format)), data)
    return DataFile(file_name(bucket, format), bucket, 0, len(data))


def count_rows(files: Files, path: str, format: str) -> int:
    """Rows of one data file by its own footer."""
    with files.open_input(path) as stream:
        return _input(stream, format, WriteSettings().batch_bytes).rows


def read_rows(files: Files, path: str, format: str, columns: Sequence[ColumnSpec]) -> Iterator[pa.RecordBatch]:
    """All rows of one data file, as batches of `columns`; no others are read. One that the file lacks is null."""
    schema = arrow_schema(columns)
    only = frozenset(name.lower() for name, _ in columns)
    with files.open_input(path) as stream:
        for batch in _input(stream, format, WriteSettings().batch_bytes).batches(frozenset(), only):
            yield conform(batch, schema)


def _input(stream: BinaryIO, format: str, batch_bytes: int) -> _Input:
    return OrcInput(stream) if format == "orc" else ParquetInput(stream, batch_bytes)


def _output(stream: BinaryIO, schema: pa.Schema, encoding: Encoding, format: str, settings: WriteSettings) -> _Output:
    if format == "orc":
        return OrcOutput(stream, schema, settings.orc)
    return ParquetOutput(stream, schema, encoding, settings.parquet, settings.sort_by)


def _open_input(work: SplitWork, file: DataFile, tools: Tools, opened: ExitStack) -> _Input:
    stream = opened.enter_context(tools.files.open_input(join(work.source or "", file.name)))
    return _input(stream, work.source_format, tools.settings.batch_bytes)


def _remembered(split: SplitPlan, inputs: Sequence[tuple[Bucket, _Input]], changes: int) -> Encoding | None:
    """The encodings of the split's one old file, with these changes counted; None if it was not of this very split."""
    if [bucket for bucket, _ in inputs] != [split.bucket]:
        return None
    known = inputs[0][1].remembered()
    return replace(known, changed=known.changed + changes) if known else None


def _batches(inputs: Sequence[tuple[Bucket, _Input]], schema: pa.Schema) -> Iterator[tuple[Bucket, pa.RecordBatch]]:
    dictionaries = frozenset(field.name for field in schema if pa.types.is_dictionary(field.type))
    for bucket, source in inputs:
        for batch in source.batches(dictionaries):
            yield bucket, batch


def _schema(columns: Sequence[ColumnSpec], dictionaries: Sequence[frozenset[str]]) -> pa.Schema:
    """The table's schema; text that all the files keep as dictionaries stays one from read to write."""
    shared = frozenset.intersection(*dictionaries) if dictionaries else frozenset()
    return pa.schema(
        [
            field.with_type(pa.dictionary(pa.int32(), field.type)) if _stays(field, shared) else field
            for field in arrow_schema(columns)
        ]
    )


def _stays(field: pa.Field, shared: frozenset[str]) -> bool:
    return field.name in shared and (pa.types.is_string(field.type) or pa.types.is_binary(field.type))


def _plain(batch: pa.RecordBatch, names: Sequence[str] | None) -> pa.RecordBatch:
    """The named columns, without dictionaries."""
    chosen = batch if names is None else batch.select(list(names))
    return conform(chosen, without_dictionaries(chosen.schema))


def _row_groups(
    merged: Generator[pa.RecordBatch, None, MergeCounts], schema: pa.Schema, most_bytes: int
) -> Generator[_RowGroup, None, MergeCounts]:
    """Gather batches into tables of about `most_bytes`, each with one dictionary a column. None is empty."""
    gathered: list[pa.RecordBatch] = []
    size = 0
    while True:
        batch, counts = _next(merged)
        for piece in _pieces(batch, most_bytes):
            gathered.append(piece)
            size += piece.nbytes
            if size >= most_bytes:
                yield _RowGroup(with_one_dictionary(pa.Table.from_batches(gathered, schema)), last=False)
                gathered, size = [], 0
        if counts is not None:
            if gathered:
                yield _RowGroup(with_one_dictionary(pa.Table.from_batches(gathered, schema)), last=True)
            return counts


def _pieces(batch: pa.RecordBatch | None, most_bytes: int) -> Iterator[pa.RecordBatch]:
    """A batch in slices of about `most_bytes`: a first load's changes come as one batch."""
    if batch is None or not len(batch):
        return
    step = max(len(batch) * most_bytes // max(batch.nbytes, 1), 1)
    for start in range(0, len(batch), step):
        yield batch.slice(start, step)


def _next(generator: Generator[T, None, R]) -> tuple[T, None] | tuple[None, R]:
    """The next value of a generator, or what it returns."""
    try:
        return next(generator), None
    except StopIteration as end:
        return None, end.value


def _size_as_found(final: str, rows: int, tools: Tools) -> int:
    """An earlier run of this very split has given the file its name: that one stays, and is checked."""
    with tools.files.open_input(final) as stream:
        found = _input(stream, tools.format, tools.settings.batch_bytes).rows
        size = stream.seek(0, SEEK_END)
    if found != rows:
        raise Damage(
            f"{final} is there already, with {found} rows; the same split's merge came to {rows}",
            "Nothing was published. Something else writes into this attempt's folders: find it, then run again.",
        )
    return size


def _result(partition: PartitionValues, file: DataFile, counts: MergeCounts) -> SplitResult:
    return SplitResult(
        partition=partition,
        file=file,
        before=counts.before,
        inserted=counts.inserted,
        updated=counts.updated,
        deleted=counts.deleted,
        moved_out=counts.moved_out,
        moved_in=counts.moved_in,
    )
