"""`hotswap show TABLE --key`: where one row lives, which batch wrote it, what HBase says now, and why they differ."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loader.basics.plain import as_json, plain_values
from loader.basics.printable import printable
from loader.datafiles.split_file import RawKeys, read_rows
from loader.ops.inspect.pending import held, requested
from loader.sources.hbase.raw_row import NOTHING_LEFT, RawTimes
from loader.sources.rows import ReadRows
from loader.state.change_sets import load_change_set
from loader.state.open_table import Environment
from loader.state.quarantine import quarantined
from loader.state.records import Records
from loader.storage.files import join
from metastore.names import parse_partition_name
from partitioner.changes.change_set import META, Op
from partitioner.changes.hashing import hash_key
from partitioner.changes.missed import KeyFacts, Now, Reason, reasons
from partitioner.history.provenance import file_written_by, standing_batches
from partitioner.history.table_state import Attempt
from partitioner.values import DataFile, PartitionValues, Version


@dataclass(frozen=True, slots=True)
class Asked:
    """What HBase says of one key. `read` None: it could not be asked, and `problem` says why."""

    read: ReadRows | None
    times: RawTimes = NOTHING_LEFT
    filtered: bool = False  # the transform's where leaves the row out
    problem: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """What the table's mapping knows. `place`: a key's partition where it follows from the key alone, else None."""

    raw_keys: RawKeys
    ask: Callable[[bytes, int], Asked]
    place: Callable[[bytes], PartitionValues | None] | None


@dataclass(frozen=True, slots=True)
class Home:
    """Where a row lives: partition, file, and which batch wrote the file. `row`: its image, None if it is not there."""

    partition: str
    location: str
    file: str
    bucket: str
    file_batch: int | None
    row: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class KeyReport:
    """All that is known of one key. `home` None: it lives nowhere in the table. `batch`: the last that changed it, as
    far as change sets reach back (`batch_sure` False: it may have been an older one).
    """

    table: str
    key: str
    key_hex: str
    home: Home | None
    batch: int | None
    batch_sure: bool
    committed_ms: int | None
    now: Now
    hbase_partition: str | None
    hbase_row: Mapping[str, Any] | None
    newest_put_ms: int | None
    newest_marker_ms: int | None
    same: bool
    differences: tuple[str, ...]
    reasons: tuple[Reason, ...]
    problem: str = ""


def look_at(env: Environment, key: bytes, view: View) -> KeyReport:
    """Reads the key index, one file, some change sets, and one row of HBase. Changes nothing."""
    records = env.state.records()
    home, live, indexed = _home(env, records, key, view)
    batch, sure = _written_by(env, records, key, live)
    asked = view.ask(key, env.clock())
    now, row, place = _now(env, asked)
    differences = tuple(_differences(home, row, place)) if asked.read is not None else ()
    facts = _facts(env, records, key, asked, now, not differences, _agrees(home, indexed))
    places = (live.partition if live else None, _values(place))
    facts = replace(facts, held=held(env, records, key, places), requested=requested(env, records, key))
    return KeyReport(
        table=str(env.table),
        key=printable(key),
        key_hex=key.hex(),
        home=home,
        batch=batch.intent.batch if batch else None,
        batch_sure=sure,
        committed_ms=batch.ending.concluded_ms if batch and batch.ending else None,
        now=now,
        hbase_partition=place,
        hbase_row=row,
        newest_put_ms=asked.times.put,
        newest_marker_ms=asked.times.marker,
        same=facts.same,
        differences=differences,
        reasons=reasons(facts),
        problem=asked.problem,
    )


def _home(
    env: Environment, records: Records, key: bytes, view: View
) -> tuple[Home | None, Version | None, bool | None]:
    """Where it lives, that version, and whether the index says that it lives at all (None: no index is kept)."""
    partition, indexed = _partition(env, records, key, view)
    live = records.state.live.get(partition) if partition is not None else None
    if partition is None or live is None:
        return None, None, indexed
    for file in live.files:
        if hash_key(key) & (file.bucket.count - 1) == file.bucket.index:
            row = _row_in(env, live, file, key, view)
            if row is not None or indexed:
                return _home_in(env, records, live, file, row), live, indexed
    return None, live, indexed


def _home_in(env: Environment, records: Records, live: Version, file: DataFile, row: Mapping[str, Any] | None) -> Home:
    writer = file_written_by(records.attempts, live.partition, file)
    return Home(
        partition=env.name_of(live.partition),
        location=live.location,
        file=file.name,
        bucket=f"{file.bucket.index} of {file.bucket.count}",
        file_batch=writer.intent.batch if writer else None,
        row=row,
    )


def _partition(
    env: Environment, records: Records, key: bytes, view: View
) -> tuple[PartitionValues | None, bool | None]:
    if view.place is not None or env.keystore is None:
        return view.place(key) if view.place else None, None
    hashes, keys = np.array([hash_key(key)], np.uint32), pa.array([key], pa.binary())
    name = env.keystore.look_up(records.state.index, hashes, keys)[0].as_py()
    return (tuple(parse_partition_name(name).values()) if name is not None else None), name is not None


def _row_in(env: Environment, live: Version, file: DataFile, key: bytes, view: View) -> Mapping[str, Any] | None:
    for batch in read_rows(env.files, join(live.location, file.name), live.format, live.columns):
        found = pc.index(view.raw_keys(batch, live.partition), pa.scalar(key, pa.binary())).as_py()
        if found >= 0:
            return as_json(plain_values(batch, found))
    return None


def _agrees(home: Home | None, indexed: bool | None) -> bool:
    """What the index says lives is in its file. (A key that it does not know is looked for nowhere.)"""
    return indexed is not True or (home is not None and home.row is not None)


def _written_by(env: Environment, records: Records, key: bytes, live: Version | None) -> tuple[Attempt | None, bool]:
    """The newest batch in whose change set the key is, and whether none between is unknown."""
    for attempt in standing_batches(records.attempts, live.partition) if live else ():
        try:
            keys = load_change_set(env.files, env.layout, attempt.intent.attempt).rows[":key"]
        except FileNotFoundError:  # retention removed it
            return attempt, False
        if pc.index(keys, pa.scalar(key, pa.binary())).as_py() >= 0:
            return attempt, True
    return None, live is None


def _now(env: Environment, asked: Asked) -> tuple[Now, Mapping[str, Any] | None, str | None]:
    """What HBase says, its row as Hive would hold it, and the partition that it would have."""
    if asked.read is None:
        return Now.UNREACHABLE, None, None
    if asked.read.rejected:
        return Now.UNDECODABLE, None, None
    for row in asked.read.rows.to_pylist():
        if row[":op"] == Op.UPSERT:
            image = {name: value for name, value in row.items() if name not in META.names}
            return Now.ROW, as_json(image), env.name_of(asked.read.partitions[row[":target"]])
    return (Now.FILTERED if asked.filtered else Now.GONE), None, None


def _differences(home: Home | None, row: Mapping[str, Any] | None, place: str | None) -> Sequence[str]:
    """What differs, each as a short text."""
    hive = home.row if home else None
    if hive is None or row is None:
        return [] if hive is None and row is None else ["only Hive has it" if row is None else "only HBase has it"]
    moved = [f"partition: {home.partition} in Hive, {place} by HBase"] if home and home.partition != place else []
    columns = [name for name in row if hive.get(name) != row[name]]
    return [*moved, *(f"{name}: {hive.get(name)!r} in Hive, {row[name]!r} in HBase" for name in columns)]


def _facts(
    env: Environment, records: Records, key: bytes, asked: Asked, now: Now, same: bool, expected: bool
) -> KeyFacts:
    position = env.state.position()
    waiting = quarantined(env.files, env.layout, records.attempts).get(key.hex())
    return KeyFacts(
        expected=expected,
        same=same and asked.read is not None and now is not Now.UNDECODABLE,
        now=now,
        now_ms=env.clock(),
        newest_put=asked.times.put,
        newest_marker=asked.times.marker,
        window_end=position.read_ms if position else None,
        low=position.low_ms if position else None,
        quarantined=_reason(waiting, asked),
        on_record=waiting is not None,
    )


def _reason(waiting: Mapping[str, Any] | None, asked: Asked) -> str | None:
    if asked.read is not None and asked.read.rejected:
        return str(asked.read.rejected[0].reason)
    return str(waiting.get("reason", "since an earlier batch")) if waiting is not None else None


def _values(name: str | None) -> PartitionValues | None:
    return tuple(parse_partition_name(name).values()) if name is not None else None
