"""A table's mapping: bytes of HBase rows ↔ columns and partition values of the Hive table."""

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from hashlib import sha256

import pyarrow as pa

from loader.mapping.cells import CellColumn, FamilyColumn, Gathered, RowLike, gather
from loader.mapping.codec import Decoded
from loader.mapping.fixed_width import moments
from loader.mapping.hive_types import HiveType
from loader.mapping.lazy_rows import Chained, Picked
from loader.mapping.of_table import OfTable, whole
from loader.mapping.partitions import PartitionKey, place_rows
from loader.mapping.rejected import Rejected
from loader.mapping.row_key import RowKey
from loader.mapping.years import OUTSIDE, are_moments, outside_years
from metastore.api import NULL_PARTITION
from partitioner.values import PartitionValues


@dataclass(frozen=True, slots=True)
class DecodedRows:
    """Rows that exist, decoded. `table`: all columns of the configuration in order; `keys` and `versions` beside it."""

    keys: list[bytes]
    versions: list[int]
    table: pa.Table
    rows: Sequence[RowLike]
    rejected: tuple[Rejected, ...]

    @staticmethod
    def joined(parts: Sequence["DecodedRows"]) -> "DecodedRows":
        """At least one part."""
        return DecodedRows(
            [key for part in parts for key in part.keys],
            [version for part in parts for version in part.versions],
            pa.concat_tables([part.table for part in parts]).combine_chunks(),
            Chained([part.rows for part in parts]),
            tuple(rejected for part in parts for rejected in part.rejected),
        )

    def only(self, kept: Sequence[int], rejected: Sequence[Rejected] = ()) -> "DecodedRows":
        """The rows at these positions; `rejected` are added to those there."""
        return DecodedRows(
            [self.keys[index] for index in kept],
            [self.versions[index] for index in kept],
            self.table.take(pa.array(kept, pa.int64())),
            Picked(self.rows, kept),
            (*self.rejected, *rejected),
        )


@dataclass(frozen=True, slots=True)
class Mapping(OfTable):
    """Made by `build_mapping`, which proves it. Immutable; two mappings with one `digest` decode alike."""

    types: tuple[tuple[str, HiveType], ...]  # every column of the configuration, in order
    row_key: RowKey
    cells: tuple[CellColumn, ...]
    family_maps: tuple[FamilyColumn, ...]
    timestamp: str | None  # the column of the row's newest timestamp
    keys: tuple[PartitionKey, ...]
    identity: frozenset[str]  # columns that are partition keys and so not in the files
    computed: frozenset[str]  # columns that only the transform fills
    spelling: str  # what the digest is made of

    @property
    def families(self) -> tuple[bytes, ...]:
        """The column families to scan."""
        return tuple(sorted({cell.family for cell in self.cells} | {family.family for family in self.family_maps}))

    @property
    def qualifiers(self) -> tuple[tuple[bytes, bytes | None], ...]:
        """What to read of a row: (family, qualifier), None for the whole family."""
        whole = {column.family for column in self.family_maps}
        single = {(cell.family, cell.qualifier) for cell in self.cells if cell.family not in whole}
        return (*sorted((family, None) for family in whole), *sorted(single))

    def place_of(self, column: str) -> str:
        """Where the bytes of a column are, as the mapping spells it: `d:clicks`, `d:` for a family, else `:key`."""
        for cell in self.cells:
            if cell.name == column:
                return b":".join((cell.family, cell.qualifier)).decode("utf-8", "replace")
        for family in self.family_maps:
            if column.partition("[")[0] == family.name:
                return f"{family.family.decode('utf-8', 'replace')}:"
        return ":key"

    @property
    def fixed(self) -> tuple[str, ...]:
        """Columns that are the row's identity: no expression may fill them."""
        return self.row_key.names

    @property
    def partition_from_key(self) -> bool:
        """Whether a row's partition follows from its key alone, so that no key index is needed."""
        return all(key.source in self.row_key.names for key in self.keys)

    @property
    def digest(self) -> str:
        """Stable over releases as long as the mapping means the same."""
        return sha256(self.spelling.encode()).hexdigest()[:16]

    def decode(self, rows: Sequence[RowLike]) -> DecodedRows:
        """HBase's rows → columns. A row without a mapped cell does not exist and is left out.

        A row of which anything cannot be decoded is rejected whole.
        """
        return self.decode_gathered(gather(rows, self.cells, self.family_maps))

    def decode_gathered(self, gathered: Gathered) -> DecodedRows:
        """The same of cells that somebody has put into columns already."""
        keys = [row.row for row in gathered.rows] if gathered.keys is None else gathered.keys.to_pylist()
        columns, problems = self.row_key.decode(keys, gathered.keys)
        for name, (columns[name], reasons) in self._decoded_cells(gathered):
            for index, reason in reasons.items():
                problems.setdefault(index, (reason, name))
        if self.timestamp:
            columns[self.timestamp], reasons = self._newest(pa.array(gathered.versions, pa.int64()), self.timestamp)
            for index, reason in reasons.items():
                problems.setdefault(index, (f"the row's newest timestamp: {reason}", self.timestamp))
        for name in self.computed - columns.keys():
            columns[name] = pa.nulls(len(keys), _at(self.types, name).arrow)
        table = pa.table([columns[name] for name, _ in self.types], schema=self.full_schema)
        return without(DecodedRows(keys, gathered.versions, table, gathered.rows, ()), problems)

    def _newest(self, milliseconds: pa.Array, name: str) -> Decoded:
        return moments(milliseconds) if _at(self.types, name).name == "timestamp" else (milliseconds, {})

    def _decoded_cells(self, gathered: Gathered) -> Iterator[tuple[str, Decoded]]:
        for cell in self.cells:
            yield cell.name, cell.decode(gathered)
        for family in self.family_maps:
            yield family.name, family.decode(gathered)

    def place(self, decoded: DecodedRows) -> tuple[DecodedRows, tuple[PartitionValues, ...], list[int]]:
        """Each row's partition. Rows with values that nothing can hold, in a column or a partition key, are rejected.

        Returns the rows left, the partitions, and for each row its index into them.
        """
        decoded = without(decoded, outside_years_of(decoded.table))
        columns = {name: whole(decoded.table[name]) for name in {key.source for key in self.keys}}
        partitions, targets, problems = place_rows(self.keys, columns, len(decoded.keys))
        if not problems:
            return decoded, partitions, targets
        left = without(decoded, problems)
        kept = [target for index, target in enumerate(targets) if index not in problems]
        used = {old: new for new, old in enumerate(dict.fromkeys(kept))}
        return left, tuple(partitions[old] for old in used), [used[old] for old in kept]

    def place_keys(self, keys: Sequence[bytes]) -> tuple[tuple[PartitionValues, ...], list[int | None]]:
        """Partitions of raw keys, where `partition_from_key`. None: no row of the table can have this key."""
        columns, problems = self.row_key.decode(keys)
        partitions, targets, unplaced = place_rows(self.keys, columns, len(keys))
        bad = problems.keys() | unplaced.keys()
        return partitions, [None if index in bad else target for index, target in enumerate(targets)]

    def raw_keys(self, batch: pa.RecordBatch | pa.Table, partition: PartitionValues) -> pa.Array:
        """The raw row keys (binary) of rows as they lie in a data file of `partition`.

        Needs the key columns only; dictionaries are taken. A key column that is a partition key is made from its value.
        """
        columns = {}
        for name in self.row_key.names:
            columns[name] = self._from_partition(name, partition, len(batch)) if name in self.identity else batch[name]
        return whole(self.row_key.encode(columns))

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns of a data file that `raw_keys` needs."""
        return tuple(name for name in self.row_key.names if name not in self.identity)

    def _from_partition(self, name: str, partition: PartitionValues, rows: int) -> pa.Array:
        text = next(value for key, value in zip(self.keys, partition, strict=True) if key.name == name)
        spelled = "" if text == NULL_PARTITION else text  # only the empty string can stand in a key and be spelled so
        value = pa.array([spelled], pa.string()).cast(_at(self.types, name).arrow)
        return pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()).take(pa.array([0] * rows, pa.int32())), value)


def outside_years_of(table: pa.Table) -> dict[int, tuple[str, str | None]]:
    """Rows of which an expression made a date or timestamp that no table can hold: cells cannot have one."""
    problems: dict[int, tuple[str, str | None]] = {}
    for name in table.column_names:
        if are_moments(table[name].type):
            for index in outside_years(table[name]):
                problems.setdefault(index, (f"{name}: {OUTSIDE}", name))
    return problems


def _at(types: Sequence[tuple[str, HiveType]], name: str) -> HiveType:
    return dict(types)[name]


def without(decoded: DecodedRows, problems: MappingOf[int, tuple[str, str | None]]) -> DecodedRows:
    """The rows without those that have a problem, which become rejected."""
    if not problems:
        return decoded
    kept = [index for index in range(len(decoded.keys)) if index not in problems]
    return decoded.only(kept, [_rejected(decoded.rows[index], *problems[index]) for index in sorted(problems)])


def _rejected(row: RowLike, reason: str, column: str | None) -> Rejected:
    cells = tuple((cell.family, cell.qualifier, cell.timestamp, cell.value) for cell in row.columnValues)
    return Rejected(row.row, reason, cells, column)
