"""Merge rules as values: what becomes of a row whose change comes."""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

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
