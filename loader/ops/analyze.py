"""`hotswap analyze`: column statistics of live partitions, computed from their files and stored by the safe call.

ANALYZE TABLE writes whole partitions back, locations of before a swap with them. This reads the files without the lock,
then, under it and only where the version is still live, stores the numbers: so they never describe other rows.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import duckdb
import pyarrow as pa

from loader.basics.errors import ConfigError, OutcomeUnknown
from loader.datafiles.split_file import read_rows
from loader.ops.rollback.rollback import partitions_named
from loader.state.lock import table_lock
from loader.state.open_table import Environment
from loader.storage.files import Files, join
from metastore.accuracy import accurate_columns
from metastore.api import ColumnStatistics, Partition
from metastore.errors import MetastoreError, NoReply
from metastore.statistics import has_statistics
from partitioner.arrow_types import arrow_schema
from partitioner.values import ColumnSpec, PartitionValues, Version, same_location

AT_ONCE = 32
"""Partitions between two takings of the lock."""
THREADS = 2
EXACT_ROWS = 1_000_000
"""Up to so many rows distinct values are counted exactly, above about."""

_YEARS = "{v} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'"


def _within(condition: str, value: str) -> str:
    """`value` where a metastore's database can hold it, else NULL: no figure is better than a wrong one."""
    return f"CASE WHEN {condition.replace('{v}', value)} THEN {value} END"


_NUMBER = {"low": "min({c})", "high": "max({c})", "distinct": "{d}"}
_REAL = {
    "low": _within("isfinite({v})", "min({c}) FILTER (NOT isnan({c}))"),
    "high": _within("isfinite({v})", "max({c}) FILTER (NOT isnan({c}))"),
    "distinct": "{d}",
}
_DATE = {"low": _within(_YEARS, "min({c})"), "high": _within(_YEARS, "max({c})"), "distinct": "{d}"}
_MOMENT = {"low": "epoch(min({c}))::BIGINT", "high": "epoch(max({c}))::BIGINT", "distinct": "{d}"}
_TEXT = {"longest": "max(length({c}))", "average": "avg(length({c}))", "distinct": "{d}"}
_BYTES = {"longest": "max(octet_length({c}))", "average": "avg(octet_length({c}))"}
_SQL: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("tinyint", "smallint", "int", "integer", "bigint", "decimal"), _NUMBER),
    **dict.fromkeys(("float", "double"), _REAL),
    "date": _DATE,
    "timestamp": _MOMENT,
    **dict.fromkeys(("string", "varchar", "char"), _TEXT),
    "binary": _BYTES,
    "boolean": {"trues": "count_if({c})", "falses": "count_if(NOT {c})"},
}
"""How DuckDB computes each field of ColumnStatistics; {c} is the column, {d} its distinct values."""


@dataclass(frozen=True, slots=True)
class AnalyzeReport:
    """`moved`: partitions that were published over while they were read; the next analyze takes them."""

    table: str
    columns: tuple[str, ...]
    analyzed: tuple[str, ...]
    current: int
    moved: tuple[str, ...]
    rows: int
    seconds: float


def analyze(
    env: Environment, names: Sequence[str] = (), columns: Sequence[str] = (), again: bool = False
) -> AnalyzeReport:
    """Of `names` (none: all partitions) those whose statistics a swap has made stale; `again`: the others, too.

    Raises ConfigError for a partition or column that is not there, LockHeld, OutcomeUnknown.
    """
    started = time.perf_counter()
    chosen = _columns(env, columns)
    versions = _versions(env, names)
    wanted = list(versions) if again else _stale(env, versions, chosen)
    done: list[PartitionValues] = []
    for some in _chunks(wanted):
        computed = {item.partition: statistics_of(env.files, item, chosen) for item in some}
        done += _store(env, {item.partition: item for item in some}, computed)
    return AnalyzeReport(
        table=str(env.table),
        columns=tuple(name for name, _ in chosen),
        analyzed=tuple(env.name_of(partition) for partition in done),
        current=len(versions) - len(wanted),
        moved=tuple(env.name_of(item.partition) for item in wanted if item.partition not in done),
        rows=sum(item.rows for item in wanted if item.partition in done),
        seconds=time.perf_counter() - started,
    )


def _columns(env: Environment, asked: Sequence[str]) -> tuple[ColumnSpec, ...]:
    able = {name: kind for name, kind in env.columns if has_statistics(kind)}
    for name in asked:
        if name.lower() not in able:
            raise ConfigError(f"{env.table} has no column {name} with statistics", f"There are: {', '.join(able)}.")
    wanted = {name.lower() for name in asked} or able.keys()
    return tuple((name, kind) for name, kind in able.items() if name in wanted)


def _versions(env: Environment, names: Sequence[str]) -> tuple[Version, ...]:
    live = env.state.records().state.live
    chosen = partitions_named(env, names) or tuple(sorted(live))
    for partition in chosen:
        if partition not in live:
            raise ConfigError(f"{env.table} has no partition {env.name_of(partition)}", "SHOW PARTITIONS lists them.")
    return tuple(live[partition] for partition in chosen if live[partition].rows)


def _stale(env: Environment, versions: Iterable[Version], columns: Sequence[ColumnSpec]) -> list[Version]:
    versions, wanted = list(versions), {name for name, _ in columns}
    found = {item.values: item for item in env.metastore.partitions(env.table, [item.partition for item in versions])}

    def is_current(version: Version) -> bool:
        seen = found.get(version.partition)
        return seen is not None and wanted <= accurate_columns(seen.parameters)

    return [version for version in versions if not is_current(version)]


def _chunks(versions: Sequence[Version]) -> Iterator[list[Version]]:
    rest = iter(versions)
    while some := list(islice(rest, AT_ONCE)):
        yield some


def _store(
    env: Environment,
    versions: Mapping[PartitionValues, Version],
    computed: Mapping[PartitionValues, Sequence[ColumnStatistics]],
) -> list[PartitionValues]:
    """Under the lock, for what is still live. Which it was."""
    lock = table_lock(env)
    lock.acquire()
    try:
        live = env.state.records().state.live
        found = {item.values: item for item in env.metastore.partitions(env.table, list(versions))}
        same = [values for values, version in versions.items() if _is_live(version, live, found.get(values))]
        lock.ensure()
        wanted = {values: computed[values] for values in same}
        try:
            env.metastore.set_column_statistics(env.table, wanted)
        except NoReply as error:
            _check_stored(env, wanted, error)
    finally:
        lock.release()
    return same


def _check_stored(
    env: Environment, wanted: Mapping[PartitionValues, Sequence[ColumnStatistics]], lost: NoReply
) -> None:
    """Without an answer only reading tells whether they are there. Raises OutcomeUnknown: they may still come."""
    columns = {column.name for told in wanted.values() for column in told}
    try:
        found = env.metastore.column_statistics(env.table, list(wanted), sorted(columns))
    except MetastoreError:
        found = {}
    if any({*told} - {*found.get(values, ())} for values, told in wanted.items()):
        raise OutcomeUnknown(
            f"column statistics of {len(wanted)} partition(s) of {env.table} were sent, but are not there: {lost}",
            "No row has moved. Should they come after a later batch, Hive would answer from numbers of older rows: make"
            f" sure that the metastore has no call of it under way, then run `hotswap analyze {env.table} --all`.",
        ) from lost


def _is_live(version: Version, live: Mapping[PartitionValues, Version], seen: Partition | None) -> bool:
    known = live.get(version.partition)
    return (
        known is not None
        and seen is not None
        and same_location(known.location, version.location)
        and same_location(seen.location, version.location)
    )


def statistics_of(files: Files, version: Version, columns: Sequence[ColumnSpec]) -> list[ColumnStatistics]:
    """From the files, in one pass, read as a merge reads them."""
    there = {name for name, _ in version.columns}
    asked = [(name, kind) for name, kind in columns if name in there]
    batches = (
        batch
        for file in version.files
        for batch in read_rows(files, join(version.location, file.name), version.format, version.columns)
    )
    rows = pa.RecordBatchReader.from_batches(arrow_schema(version.columns), batches)
    wanted = [(name, field, sql) for name, kind in asked for field, sql in _fields(name, kind, version.rows)]
    if not wanted:
        return []
    with duckdb.connect(":memory:", config={"threads": THREADS}) as database:
        database.register("version", rows)
        told = database.execute(f"SELECT {', '.join(sql for *_, sql in wanted)} FROM version").fetchone()  # noqa: S608 - names are the table's own, and quoted
    assert told is not None
    found: dict[str, dict[str, Any]] = {}
    for (name, field, _), value in zip(wanted, told, strict=True):
        found.setdefault(name, {})[field] = value
    return [ColumnStatistics(name, kind, **found[name]) for name, kind in asked]


def _fields(name: str, kind: str, rows: int) -> Iterator[tuple[str, str]]:
    """Each field of a column's statistics with its SQL."""
    column = '"' + name.replace('"', '""') + '"'
    distinct = f"count(DISTINCT {column})" if rows <= EXACT_ROWS else f"approx_count_distinct({column})"
    yield "nulls", f"count(*) - count({column})"
    for field, template in _SQL[kind.partition("(")[0].strip().lower()].items():
        yield field, template.format(c=column, d=distinct)
