"""Whether a result is the right one, row for row."""

from collections.abc import Sequence
from glob import glob

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

SHOWN = 3


class Wrong(Exception):
    """A contestant's result differs from the truth."""


def check(expected: pa.Table, files: Sequence[str]) -> int:
    """Number of rows, all of them as expected. `files`: globs of Parquet or ORC files below `day=…`. Raises Wrong.

    Two sets of rows are equal if number and sum of their rows' 64-bit hashes are; if not, the rows themselves tell.
    """
    with duckdb.connect() as db:
        db.execute("set threads = 2")
        db.register("expected", expected)
        if files[0].endswith(".orc"):
            db.register("found", _from_orc(files, expected.schema))
        else:
            listed = ", ".join(f"'{name}'" for name in files)
            db.execute(
                f"create view found as select * replace (day::varchar as day) from"
                f" read_parquet([{listed}], hive_partitioning = true, hive_types_autocast = false)"
            )
        names = ", ".join(expected.column_names)
        if _digest(db, "expected", names) != _digest(db, "found", names):
            missing = _difference(db, "expected", "found", names)
            surplus = _difference(db, "found", "expected", names)
            raise Wrong(f"rows that are missing: {missing}; rows that should not be there: {surplus}")
        return len(expected)


def _from_orc(files: Sequence[str], schema: pa.Schema) -> pa.Table:
    """DuckDB reads no ORC."""
    day = ds.partitioning(pa.schema([("day", pa.string())]), flavor="hive")
    paths = sorted(path for name in files for path in glob(name))
    return ds.dataset(paths, format="orc", partitioning=day).to_table(schema.names).cast(schema)


def _digest(db: duckdb.DuckDBPyConnection, rows: str, names: str) -> object:
    query = f"select day, count(*), sum(hash(({names}))::hugeint) from {rows} group by day order by day"
    return db.execute(query).fetchall()


def _difference(db: duckdb.DuckDBPyConnection, one: str, other: str, names: str) -> list[tuple[object, ...]]:
    query = f"select {names} from {one} except all select {names} from {other} limit {SHOWN}"
    return db.execute(query).fetchall()
