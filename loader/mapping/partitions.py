"""Partition values: an expression over one column, spelled as Hive spells it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loader.mapping.codec import reason_of
from loader.mapping.errors import MappingError, did_you_mean
from loader.mapping.hive_types import INTEGERS, TEXTS, HiveType, parse_hive_type
from loader.mapping.years import OUTSIDE, are_moments, nulled, outside_years
from metastore.api import NULL_PARTITION, Column
from metastore.fence import is_fence
from metastore.names import canonical_value, name_problem
from partitioner.values import PartitionValues

_EXPRESSION = re.compile(r"(\w+)\s*(?:\(\s*(\d+)\s*\))?")
_NAMES = ["identity", "date", "month", "hour", "bucket", "prefix"]
_SPELLABLE = (*INTEGERS, *TEXTS, "boolean", "date", "decimal")


@dataclass(frozen=True, slots=True)
class PartitionKey:
    """One partition key: `expression` (identity, date, month, hour, bucket, prefix) over the column `source`.

    `count` is the n of bucket(n) and prefix(n). `zone`: where a timestamp column (which is UTC) becomes a date.
    """

    name: str
    type: HiveType
    source: str
    expression: str
    count: int = 0
    zone: str | None = None

    def texts(self, column: pa.Array) -> tuple[pa.Array, dict[int, str]]:
        """The canonical spelling for each row (string), and the reason for each position that has none."""
        values, outside = self._evaluate(column)
        encoded = pc.dictionary_encode(values, null_encoding="encode")
        spelled: list[str] = []
        bad: dict[int, str] = {}
        for code, value in enumerate(encoded.dictionary):
            try:
                spelled.append(canonical_value(self.type.text, self._value(value.as_py()), self.name))
            except Exception as error:  # noqa: BLE001 - any failure of one value is its rows', and never the batch's
                bad[code] = reason_of(error)
                spelled.append(NULL_PARTITION)
        texts = pa.array(spelled, pa.string()).take(encoded.indices)
        reasons = dict.fromkeys(outside, f"{self.name}: {self._outside()}")
        if not bad:
            return texts, reasons
        codes = encoded.indices.to_pylist()
        return texts, {index: bad[code] for index, code in enumerate(codes) if code in bad} | reasons

    def _evaluate(self, column: pa.Array) -> tuple[pa.Array, list[int]]:
        """What the expression makes of the column, null at the positions of dates that no table can hold."""
        if self.expression == "prefix":
            return pc.utf8_slice_codeunits(column, 0, self.count), []
        if not are_moments(column.type):
            return column, []
        outside = outside_years(column)
        if self.expression in ("identity", "bucket"):
            return nulled(column, outside), outside
        local = self._local(nulled(column, outside))
        outside = sorted({*outside, *outside_years(local)})
        local = nulled(local, outside)
        if self.expression == "date":
            return local.cast(pa.date32()), outside
        return pc.strftime(local, format="%Y-%m" if self.expression == "month" else "%Y-%m-%d-%H"), outside

    def _local(self, column: pa.Array) -> pa.Array:
        """Timestamps are UTC; the date is that of the table's time zone."""
        if not pa.types.is_timestamp(column.type):
            return column.cast(pa.timestamp("s"))
        return pc.local_timestamp(pc.assume_timezone(column, "UTC").cast(pa.timestamp("us", self.zone)))

    def _outside(self) -> str:
        where = f" in {self.zone}" if self.zone and self.expression in ("date", "month", "hour") else ""
        return f"{self.expression} of {self.source}{where}: {OUTSIDE}"

    def _value(self, value: object) -> object:
        """A bucket is the CRC-32 of the value's text, so that it does not depend on how the value is stored."""
        if value is None:
            return None
        if self.expression == "bucket":
            value = crc32(value if isinstance(value, bytes) else str(value).encode()) % self.count
        return str(value) if self.type.name == "string" else value


def parse_partition_key(
    name: str, source: str, expression: str | None, type_: str | None, columns: Mapping[str, HiveType], zone: str | None
) -> PartitionKey:
    """Check one entry of `partition_by` against the columns. MappingError says what is wrong."""
    if source not in columns:
        hint = did_you_mean(source, list(columns))
        raise MappingError(f"partition key {name} is made from {source}, which is no column", hint, ("partition_by",))
    match = _EXPRESSION.fullmatch((expression or "identity").strip().lower())
    word = match[1] if match else str(expression)
    if not match or word not in _NAMES or (match[2] is not None) != (word in ("bucket", "prefix")):
        hint = "Use identity, date, month, hour, bucket(n) or prefix(n)."
        raise MappingError(f"partition key {name}: {expression!r} is no expression", hint, ("partition_by",))
    count = int(match[2] or 0)
    if word in ("bucket", "prefix") and count < 1:
        raise MappingError(f"partition key {name}: {expression} needs a number above 0", "", ("partition_by",))
    given = columns[source]
    _check_source(name, word, given, zone)
    return PartitionKey(name, _result_type(name, word, given, type_), source, word, count, zone)


def _check_source(name: str, word: str, given: HiveType, zone: str | None) -> None:
    takes: dict[str, tuple[str, ...]] = {
        "identity": _SPELLABLE,
        "date": ("date", "timestamp"),
        "month": ("date", "timestamp"),
        "hour": ("timestamp",),
        "bucket": (*INTEGERS, *TEXTS, "date", "binary"),
        "prefix": TEXTS,
    }
    if given.name not in takes[word]:
        message = f"partition key {name}: {word} takes {', '.join(takes[word])}, not {given.text}"
        raise MappingError(message, "Choose another column or expression.", ("partition_by",))
    if given.name == "timestamp" and zone is None:
        message = f"partition key {name} takes a date from a timestamp, and time_zone is not set"
        raise MappingError(message, "Set time_zone, for example UTC; it is fixed for the table's life.", ("time_zone",))


def _result_type(name: str, word: str, given: HiveType, type_: str | None) -> HiveType:
    results = {
        "identity": [given.text],
        "date": ["date", "string"],
        "month": ["string"],
        "hour": ["string"],
        "bucket": ["int", "bigint", "smallint", "string"],
        "prefix": ["string"],
    }[word]
    try:
        chosen = parse_hive_type(type_ or results[0])
    except ValueError as error:
        raise MappingError(f"partition key {name}: {error}", "", ("partition_by",)) from error
    if chosen.text not in results:
        message = f"partition key {name} of {word} has type {' or '.join(results)}, not {chosen.text}"
        raise MappingError(message, "Leave the type out.", ("partition_by",))
    return chosen


def place_rows(
    keys: tuple[PartitionKey, ...], columns: Mapping[str, pa.Array], rows: int
) -> tuple[tuple[PartitionValues, ...], list[int], dict[int, tuple[str, str | None]]]:
    """All partitions met, each row's index into them, and what is wrong with a row's partition."""
    codes = np.zeros(rows, np.int64)
    spellings: list[list[str]] = []
    problems: dict[int, tuple[str, str | None]] = {}
    for key in keys:
        spelled, bad = key.texts(columns[key.source])
        encoded = spelled.dictionary_encode()
        spellings.append(encoded.dictionary.to_pylist())
        codes = codes * max(len(spellings[-1]), 1) + np.asarray(encoded.indices)
        problems.update({index: (reason, key.source) for index, reason in bad.items()})
    partitions, numbers = _numbered(codes, spellings)
    targets: list[int] = numbers.tolist()
    wrong = {number: problem for number, values in enumerate(partitions) if (problem := _problem(keys, values))}
    if wrong:
        problems.update({index: (wrong[number], None) for index, number in enumerate(targets) if number in wrong})
    return partitions, targets, problems


def _numbered(
    codes: npt.NDArray[np.int64], spellings: Sequence[Sequence[str]]
) -> tuple[tuple[PartitionValues, ...], npt.NDArray[np.int64]]:
    """The partitions in the order in which they were met, and each row's number. A code has one digit a key."""
    distinct, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    met = np.argsort(first, kind="stable")
    rank = np.empty(len(met), np.int64)
    rank[met] = np.arange(len(met))
    return tuple(_spelled(int(code), spellings) for code in distinct[met]), rank[inverse]


def _spelled(code: int, spellings: Sequence[Sequence[str]]) -> PartitionValues:
    values = []
    for texts in reversed(spellings):
        code, digit = divmod(code, max(len(texts), 1))
        values.append(texts[digit])
    return tuple(reversed(values))


def _problem(keys: Sequence[PartitionKey], values: PartitionValues) -> str | None:
    """Why no partition of the table can have these values."""
    if is_fence([Column(key.name, key.type.text) for key in keys], values):
        return (
            f"partition {'/'.join(values)} is among the values that are set aside for fences, the lowest of their type"
        )
    return name_problem([key.name for key in keys], values)
