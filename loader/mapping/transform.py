"""The transform slot: a deterministic select and where over decoded rows; what is filtered out counts as deleted."""

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
