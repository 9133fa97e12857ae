"""What ORC cannot give back: Arrow reads ORC's timestamps as nanoseconds in 64 bits, so from late 1677 to early 2262.

A row with another timestamp is quarantined before it is written: its file could never be merged again.
"""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from loader.transform import Problems, Transform, Transformed

FIRST = datetime(1677, 9, 22)
LAST = datetime(2262, 4, 11)


@dataclass(frozen=True, slots=True)
class WithinOrc:
    """A transform, or none, and after it the look at each timestamp. `schema`: the data columns."""

    schema: pa.Schema
    inner: Transform | None = None

    def apply(self, rows: pa.Table) -> Transformed:
        """See `Transform`."""
        done = self.inner.apply(rows) if self.inner else Transformed(rows, pa.array([True] * len(rows)), {})
        problems: Problems = {}
        for name in timestamps_of(self.schema):
            for index in _outside(done.rows[name]):
                problems.setdefault(
                    index, (f"ORC holds timestamps from {FIRST:%Y-%m-%d} to {LAST:%Y-%m-%d} only", name)
                )
        return Transformed(done.rows, done.kept, {**problems, **done.problems})


def timestamps_of(schema: pa.Schema) -> tuple[str, ...]:
    return tuple(field.name for field in schema if pa.types.is_timestamp(field.type))


def _outside(column: pa.ChunkedArray) -> list[int]:
    """Positions of the values that lie outside of the range."""
    first, last = (pa.scalar(moment, column.type) for moment in (FIRST, LAST))
    out = pc.fill_null(pc.or_(pc.less(column, first), pc.greater(column, last)), False)
    positions: list[int] = pc.indices_nonzero(out).to_pylist()
    return positions
