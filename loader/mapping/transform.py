"""The transform slot: a deterministic select and where over decoded rows; what is filtered out counts as deleted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

if TYPE_CHECKING:
    from loader.mapping import Mapping as CellMapping

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


def transform_of(select: Mapping[str, str] | None, where: str | None, mapping: "CellMapping") -> Transform | None:
    """The configured transform (see `transform_sql`); None if there is none. Raises MappingError."""
    if not select and not where:
        return None
    from loader.mapping.transform_sql import SqlTransform  # noqa: PLC0415 - two libraries that few tables need

    return SqlTransform(select or {}, where, mapping)
