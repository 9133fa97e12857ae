"""Builders for partitioner tests: small tables as dicts, and the change sets that lead from one to the next.

A table is partition → key → value; its only data columns are the key as text, and the value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from partitioner.arrow_types import arrow_schema
from partitioner.changes.change_set import META, NOWHERE, UNKNOWN_ORIGIN, ChangeSet, Op
from partitioner.changes.hashing import hash_key
from partitioner.values import AttemptId, Bucket, ColumnSpec, DataFile, PartitionValues, Version

COLUMNS: tuple[ColumnSpec, ...] = (("id", "string"), ("value", "string"))
SCHEMA = arrow_schema(COLUMNS)
ATTEMPT = AttemptId("b0000000001-x")

Rows = dict[str, str]
Tables = dict[PartitionValues, Rows]


@dataclass(frozen=True)
class Change:
    """`target` None: deleted. `origin` None: a new key; "?": unknown (then a delete needs its target too)."""

    key: str
    value: str | None
    target: str | None
    origin: str | None
    version: int = 1


def change_set(changes: Iterable[Change]) -> ChangeSet:
    changes = list(changes)
    names = sorted({n for c in changes for n in (c.target, c.origin) if n not in (None, "?")})
    place: dict[str | None, int] = {name: index for index, name in enumerate(names)}
    place |= {None: NOWHERE, "?": UNKNOWN_ORIGIN}
    meta = {
        ":key": [c.key.encode() for c in changes],
        ":hash": [hash_key(c.key.encode()) for c in changes],
        ":op": [Op.DELETE if c.value is None else Op.UPSERT for c in changes],
        ":version": [c.version for c in changes],
        ":target": [place[c.target] for c in changes],
        ":origin": [place[c.origin] for c in changes],
    }
    data = {"id": [None if c.value is None else c.key for c in changes], "value": [c.value for c in changes]}
    rows = pa.table({**meta, **data}, schema=pa.schema([*META, *SCHEMA]))
    return ChangeSet(rows, tuple((name,) for name in names))


def raw_keys(batch: pa.RecordBatch, partition: PartitionValues = ()) -> pa.Array:
    return batch.column("id").cast(pa.binary())


def table_batch(rows: Mapping[str, str]) -> pa.RecordBatch:
    return pa.record_batch([pa.array(rows.keys(), pa.string()), pa.array(rows.values(), pa.string())], schema=SCHEMA)


def changes_between(before: Tables, after: Tables, *, index: bool = True) -> list[Change]:
    """What leads from one table to the next. Without an index origins are unknown (and no key may move)."""
    was = {key: partition[0] for partition, rows in before.items() for key in rows}
    now = {key: partition[0] for partition, rows in after.items() for key in rows}
    changes = []
    for key in sorted(was.keys() | now.keys()):
        origin, target = was.get(key), now.get(key)
        value = after[(target,)][key] if target else None
        if origin is not None and origin == target and before[(origin,)][key] == value:
            continue
        changes.append(Change(key, value, target, origin) if index else Change(key, value, target or origin, "?"))
    return changes


def version(name: str, rows_by_bucket: Iterable[int], bytes_per_row: int = 40, **fields: object) -> Version:
    """A live version without files on disk: one file a bucket."""
    rows = list(rows_by_bucket)
    files = tuple(
        DataFile(f"{index:05d}-of-{len(rows):05d}.parquet", Bucket(index, len(rows)), count, count * bytes_per_row)
        for index, count in enumerate(rows)
    )
    made = {"columns": COLUMNS, "format": "parquet", "location": f"/old/{name}", "files": files, **fields}
    return Version(partition=(name,), attempt=AttemptId("b0000000000-x"), **made)  # type: ignore[arg-type]
