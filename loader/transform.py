"""The transform slot: a deterministic select and where over each decoded row; what is filtered out counts as deleted.

Written in Spark SQL, evaluated in this process by DuckDB over Arrow: rows are decoded, transformed and stored once a
batch where they were read, without a Spark job of their own. Only what both engines compute alike is allowed
(`tests/integration/test_transform.py` compares them): the list is in `_ALLOWED`, everything else is refused at start,
among it all that does not follow from the row alone (now(), rand(), aggregates, subqueries).

Differences that remain: division by zero is NULL (Spark: an error), upper/lower of letters that change their number
(ß). A row on which an expression fails is rejected.
"""

from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

Problems = dict[int, tuple[str, str | None]]
"""Row's position → why it cannot be transformed, and in which column."""


@dataclass(frozen=True, slots=True)
class Transformed:
    """`rows`: as many and in the same order as given; `kept`: which of them stay (no nulls); `problems`: rejected."""

    rows: pa.Table
    kept: pa.BooleanArray
    problems: Problems


class Transform(Protocol):
    """Equal rows give equal rows, whatever stands beside them."""

    def apply(self, rows: pa.Table) -> Transformed: ...
