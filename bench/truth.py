"""Whether a result is the right one, row for row."""

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from bench.workload import COLUMNS

NAMES = ", ".join((*dict(COLUMNS), "day"))
SHOWN = 3


class Wrong(Exception):
    """A contestant's result differs from the truth."""


def check(expected: pa.Table, files: Sequence[str]) -> int:
    """Number of rows, all of them as expected. `files`: globs of Parquet files below `day=…`. Raises Wrong.

    Two sets of rows are equal if number and sum of their rows' 64-bit hashes are; if not, the rows themselves tell.
    """
    with duckdb.connect() as db:
        db.execute("set threads = 2")
        db.register("expected", expected)
        listed = ", ".join(f"'{name}'" for name in files)
        db.execute(
            f"create view found as select * replace (day::varchar as day) from"
            f" read_parquet([{listed}], hive_partitioning = true, hive_types_autocast = false)"
        )
        if _digest(db, "expected") != _digest(db, "found"):
            missing, surplus = _difference(db, "expected", "found"), _difference(db, "found", "expected")
            raise Wrong(f"rows that are missing: {missing}; rows that should not be there: {surplus}")
        return len(expected)


def _digest(db: duckdb.DuckDBPyConnection, rows: str) -> object:
    query = f"select day, count(*), sum(hash(({NAMES}))::hugeint) from {rows} group by day order by day"
    return db.execute(query).fetchall()


def _difference(db: duckdb.DuckDBPyConnection, one: str, other: str) -> list[tuple[object, ...]]:
    query = f"select {NAMES} from {one} except all select {NAMES} from {other} limit {SHOWN}"
    return db.execute(query).fetchall()
