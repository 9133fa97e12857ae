"""Messages of a log as rows of a table of events, in the form in which a batch takes rows."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from loader.mapping.events.event_mapping import EventMapping
from loader.mapping.transform import Transform
from loader.sources.rows import ReadRows
from partitioner.changes.change_set import Op


def rows_of(mapping: EventMapping, transform: Transform | None = None) -> Callable[[pa.Table], ReadRows]:
    """Raises AssertionError if a message became neither a row, nor rejected, nor filtered out."""

    def decode(messages: pa.Table) -> ReadRows:
        found = mapping.decode(messages, transform)
        count = len(found.rows)
        if count + len(found.rejected) + found.filtered != len(messages):
            raise AssertionError(f"{len(messages)} messages became {count} rows, {len(found.rejected)} rejected ones")
        meta = [
            pa.array([b""], pa.binary()).take(pa.array(np.zeros(count, np.int64))),
            pa.array(np.zeros(count, np.uint32)),
            pa.array(np.full(count, int(Op.UPSERT), np.int8)),
            found.times_ms.fill_null(0),
            pa.array(found.targets, pa.int32()),
        ]
        names = [":key", ":hash", ":op", ":version", ":target", *found.rows.column_names]
        return ReadRows(pa.table([*meta, *found.rows.columns], names=names), found.partitions, found.rejected)

    return decode
