"""Merge rules as values: what becomes of a row whose change comes; and which change of a key counts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Combine = Callable[[pa.Table, pa.Table], pa.Table]
"""(existing rows, their changes' images), row by row alike → the rows to keep, in the same order and columns. Pure."""


@dataclass(frozen=True, slots=True)
class MergeRule:
    """`combine` None: the change's image replaces the row whole, and the row is not looked at.

    `idempotent`: applying one change twice equals applying it once. Windows may overlap only under such a rule.
    """

    name: str
    idempotent: bool
    combine: Combine | None = None


NEWEST_WINS = MergeRule("newest wins", idempotent=True)


def dedupe(rows: pa.Table) -> pa.Table:
    """One change per key: the newest version, of equals the last. Order is kept. Needs `:key` and `:version`."""
    keys = rows[":key"]
    if pc.count_distinct(keys).as_py() == len(rows):
        return rows
    codes = keys.combine_chunks().dictionary_encode().indices.to_numpy()
    versions = rows[":version"].to_numpy()
    order = np.lexsort((np.arange(len(rows)), versions, codes))
    last = np.append(codes[order][1:] != codes[order][:-1], True)
    return rows.take(pa.array(np.sort(order[last])))
