"""The transform slot: a deterministic select and where over decoded rows; what is filtered out counts as deleted."""

from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from loader.mapping.hive_types import HiveType

Problems = dict[int, tuple[str, str | None]]
"""Row's position → why it cannot be transformed, and in which column."""


@dataclass(frozen=True, slots=True)
class Transformed:
    """`rows`: as many and in the same order as given; `kept`: which of them stay (no nulls); `problems`: rejected."""

    rows: pa.Table
    kept: pa.BooleanArray
    problems: Problems


class Columned(Protocol):
    """What a transform must know of a mapping. `fixed`: columns that no expression may fill."""

    @property
    def types(self) -> tuple[tuple[str, HiveType], ...]: ...

    @property
    def fixed(self) -> tuple[str, ...]: ...


class Transform(Protocol):
    """Equal rows give equal rows, whatever stands beside them."""

    def apply(self, rows: pa.Table) -> Transformed: ...
