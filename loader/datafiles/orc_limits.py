"""What ORC files cannot give back, as Arrow writes and reads them.

Arrow reads ORC's timestamps as nanoseconds in 64 bits, so from late 1677 to early 2262: a file with another one could
never be merged again. And of those before 1970 it writes the fraction of a second as a negative number, at which Hive
and Spark fail. Such rows are quarantined before they are written.
"""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from loader.mapping.transform import Problems, Transform, Transformed

FIRST = datetime(1677, 9, 22)
LAST = datetime(2262, 4, 11)
OUTSIDE = f"ORC holds timestamps from {FIRST:%Y-%m-%d} to {LAST:%Y-%m-%d} only"
OLD_FRACTION = "in ORC a timestamp before 1970 cannot have a fraction of a second"


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
            column = done.rows[name]
            for index in _positions(_is_outside(column)):
                problems.setdefault(index, (OUTSIDE, name))
            for index in _positions(_has_old_fraction(column)):
                problems.setdefault(index, (OLD_FRACTION, name))
        return Transformed(done.rows, done.kept, {**problems, **done.problems})


def timestamps_of(schema: pa.Schema) -> tuple[str, ...]:
    return tuple(field.name for field in schema if pa.types.is_timestamp(field.type))


def _is_outside(column: pa.ChunkedArray) -> pa.ChunkedArray:
    first, last = (pa.scalar(moment, column.type) for moment in (FIRST, LAST))
    return pc.or_(pc.less(column, first), pc.greater(column, last))


def _has_old_fraction(column: pa.ChunkedArray) -> pa.ChunkedArray:
    old = pc.less(column, pa.scalar(datetime(1970, 1, 1), column.type))
    return pc.and_(old, pc.not_equal(pc.floor_temporal(column, unit="second"), column))


def _positions(mask: pa.ChunkedArray) -> list[int]:
    positions: list[int] = pc.indices_nonzero(pc.fill_null(mask, False)).to_pylist()
    return positions
