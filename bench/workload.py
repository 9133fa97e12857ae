"""Workload M: a table of 5,000,000 rows, and batches of 50,000 changes spread evenly over it.

A row is a pure function of its number and its revision, so the right content of the table after any set of batches is
computed here, and none of those who are measured has a part in it. Batches touch disjoint rows: each can be applied to
the base alone or after any others.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from partitioner.changes.hashing import hashes_of

COLUMNS = (
    ("id", "string"),
    ("ad_group", "int"),
    ("country", "string"),
    ("device", "string"),
    ("channel", "string"),
    ("status", "int"),
    ("impressions", "bigint"),
    ("clicks", "bigint"),
    ("cost", "double"),
    ("title", "string"),
    ("updated", "timestamp"),
)
"""Eleven columns; the partition column `day` comes on top."""

MORE_KINDS = ("int", "string", "double", "bigint", "date")

ROWS = 5_000_000
DAYS = tuple(f"2026-10-{day:02d}" for day in range(1, 26))
FILES_A_DAY = 2
SHUFFLE = 2_654_435_761  # a prime: batches walk through the rows in steps of it
MOST_BATCHES = 40
START = np.datetime64("2026-10-01T00:00:00", "us")

Numbers = npt.NDArray[np.int64]

COUNTRIES = tuple("DE FR GB US ES IT NL PL SE NO DK FI AT CH BE PT IE CZ GR HU".split())  # noqa: SIM905
DEVICES = ("phone", "tablet", "desktop", "television")
CHANNELS = ("search", "display", "video", "shopping", "social", "mail")


@dataclass(frozen=True, slots=True)
class Batch:
    """Row numbers of one batch's changes."""

    number: int
    updates: Numbers
    inserts: Numbers
    deletes: Numbers

    def __len__(self) -> int:
        return len(self.updates) + len(self.inserts) + len(self.deletes)

    @property
    def revision(self) -> int:
        return self.number + 1


@dataclass(frozen=True, slots=True)
class Workload:
    """Sizes are settings; workload M has these. `more_columns` come behind the eleven, of five kinds in turn."""

    rows: int = ROWS
    changes: int = 50_000
    partitions: int = len(DAYS)
    more_columns: int = 0

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and Hive type of each; the partition column `day` comes on top."""
        return COLUMNS + tuple((f"more_{n:03d}", MORE_KINDS[n % len(MORE_KINDS)]) for n in range(self.more_columns))

    @property
    def days(self) -> tuple[str, ...]:
        """The partitions' values: row n lives in `days[n % partitions]`."""
        return DAYS if self.partitions == len(DAYS) else tuple(f"d{day:06d}" for day in range(self.partitions))

    def batch(self, number: int, changes: int | None = None, days: int | None = None) -> Batch:
        """80 % updates, 10 % inserts, 10 % deletes; with `days` only in the first so many partitions.

        Batches of equal `changes` and `days` touch disjoint rows.
        """
        count = self.changes if changes is None else changes
        days = self.partitions if days is None else days
        existing, new = count * 9 // 10, count // 10
        place = np.arange(number * count, number * count + existing, dtype=np.int64)
        groups = self.rows // self.partitions
        if (number + 1) * count > groups * days:
            raise ValueError(f"batch {number}: the rows are used up")
        if days < self.partitions:
            numbers = (place // days * SHUFFLE) % groups * self.partitions + place % days
        else:
            numbers = (place * SHUFFLE) % self.rows
        first_new = self.rows + number * count * self.partitions
        fresh = np.arange(new, dtype=np.int64)
        inserts = first_new + (fresh // days) * self.partitions + fresh % days
        return Batch(number, np.sort(numbers[new:]), inserts, np.sort(numbers[:new]))

    def rows_of(self, numbers: Numbers, revision: int | Numbers) -> pa.Table:
        """COLUMNS, then `day`."""
        mixed = _mix(numbers, np.asarray(revision, np.int64))
        names = pa.array(numbers).cast(pa.string())
        columns = {
            "id": keys_of(numbers),
            "ad_group": pa.array((numbers // 40 % 20_000).astype(np.int32)),
            "country": _choose(COUNTRIES, mixed, 3),
            "device": _choose(DEVICES, mixed, 11),
            "channel": _choose(CHANNELS, mixed, 17),
            "status": pa.array((mixed >> np.uint64(23)).astype(np.int64) % 5, pa.int64()).cast(pa.int32()),
            "impressions": pa.array((mixed >> np.uint64(29)).astype(np.int64) % 100_000),
            "clicks": pa.array((mixed >> np.uint64(37)).astype(np.int64) % 2_000),
            "cost": pa.array((mixed >> np.uint64(20)).astype(np.int64) % 100_000 / 100.0),
            "title": pc.binary_join_element_wise(
                "Offer", names, pa.array(mixed % np.uint64(10**9)).cast(pa.string()), " "
            ),
            "updated": pa.array(START + ((mixed >> np.uint64(13)).astype(np.int64) % (25 * 86_400)) * 1_000_000),
        }
        columns |= {f"more_{n:03d}": _more(n, mixed) for n in range(self.more_columns)}
        day = pa.DictionaryArray.from_arrays(pa.array(numbers % self.partitions, pa.int32()), list(self.days))
        return pa.table(columns | {"day": day.cast(pa.string())})

    def changes_of(self, batch: Batch) -> pa.Table:
        """The batch as peers are given it: `op` (U, I or D) before the row; a delete has its row's old image."""
        kinds = (("U", batch.updates, batch.revision), ("I", batch.inserts, batch.revision), ("D", batch.deletes, 0))
        tables = [
            self.rows_of(numbers, revision).add_column(0, "op", pa.repeat(op, len(numbers)))
            for op, numbers, revision in kinds
        ]
        return pa.concat_tables(tables).combine_chunks()

    def expected(self, batches: Iterable[Batch], days: Numbers | None = None) -> pa.Table:
        """The table's whole content after `batches`; with `days` that of these partitions."""
        chosen = np.arange(self.partitions) if days is None else days
        mine = np.zeros(self.partitions, np.bool_)
        mine[chosen] = True
        revision = np.zeros(self.rows, np.int64)
        added = []
        for batch in batches:
            revision[batch.updates], revision[batch.deletes] = batch.revision, -1
            added.append(self.rows_of(batch.inserts[mine[batch.inserts % self.partitions]], batch.revision))
        rows = np.arange(self.rows, dtype=np.int64).reshape(-1, self.partitions)[:, chosen].reshape(-1)
        stays = rows[revision[rows] >= 0]
        return pa.concat_tables([self.rows_of(stays, revision[stays]), *added])

    def base(self, cache: Path) -> Path:
        """The table before any batch: snappy Parquet, two files in each of `day=…`; generated once."""
        folder = cache / f"workload-{self.rows}-v1"
        if not folder.exists():
            growing = folder.with_suffix(".growing")
            rmtree(growing, ignore_errors=True)
            for day in range(self.partitions):
                self._write_day(growing, day)
            growing.rename(folder)
        return folder

    def _write_day(self, folder: Path, day: int) -> None:
        numbers = np.arange(day, self.rows, len(DAYS), dtype=np.int64)
        target = folder / f"day={DAYS[day]}"
        target.mkdir(parents=True)
        bucket = hashes_of(keys_of(numbers).cast(pa.binary())) & np.uint32(FILES_A_DAY - 1)
        for index in range(FILES_A_DAY):
            rows = self.rows_of(numbers[bucket == index], 0).drop_columns(["day"])
            pq.write_table(rows, target / f"{index}.parquet", compression="snappy")


def keys_of(numbers: Numbers) -> pa.Array:
    """The row keys as text: `ad` and ten digits."""
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 10, "0")
    return pc.binary_join_element_wise(pa.scalar("ad"), digits, "")


def _choose(words: tuple[str, ...], mixed: npt.NDArray[np.uint64], shift: int) -> pa.Array:
    indices = ((mixed >> np.uint64(shift)).astype(np.int64) % len(words)).astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(indices), list(words)).cast(pa.string())


def _more(place: int, mixed: npt.NDArray[np.uint64]) -> pa.Array:
    """One of the further columns, of the kind `MORE_KINDS[place % 5]`, its bits unlike its neighbours'."""
    turned = (mixed * np.uint64(2 * place + 3)) >> np.uint64(20)
    numbers = turned.astype(np.int64)
    match MORE_KINDS[place % len(MORE_KINDS)]:
        case "int":
            return pa.array((numbers % 1_000).astype(np.int32))
        case "bigint":
            return pa.array(numbers % 10_000_000)
        case "double":
            return pa.array(numbers % 100_000 / 100.0)
        case "date":
            return pa.array((numbers % 3_650 + 16_000).astype(np.int32)).cast(pa.date32())
        case _:
            return _choose(COUNTRIES, turned, 5)


def _mix(numbers: Numbers, revision: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """63 well-mixed bits of each (number, revision): splitmix64's finalizer."""
    with np.errstate(over="ignore"):
        value = (numbers + revision * 1_000_003).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return (value ^ (value >> np.uint64(31))) >> np.uint64(1)
