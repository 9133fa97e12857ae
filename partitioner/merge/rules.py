"""Merge rules as values: what becomes of the rows that are there when a change comes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from partitioner.history.manifest import RuleId

if TYPE_CHECKING:  # verbs that open a table need its rule, and no Arrow
    import pyarrow as pa

Combine = Callable[["pa.Table", "pa.Table"], "pa.Table"]
"""(existing rows, their changes' images), row by row alike → the rows to keep, in the same order and columns. Pure."""


@dataclass(frozen=True, slots=True)
class MergeRule:
    """`combine` None: the change's image replaces the row whole, and the row is not looked at.

    `idempotent`: applying one change twice equals applying it once. Only under such a rule may a source read anything
    again: windows that overlap, rows by key, batches that were taken back. `keyed`: a row has a key, by which it is
    replaced and found; without, rows are only added, and their identity is their place in the source.
    """

    id: RuleId
    idempotent: bool
    keyed: bool = True
    combine: Combine | None = None

    @property
    def name(self) -> str:
        return self.id.name


NEWEST_WINS = MergeRule(RuleId("newest wins", 1), idempotent=True)
APPEND = MergeRule(RuleId("append", 1), idempotent=False, keyed=False)

RULES: Mapping[RuleId, MergeRule] = {rule.id: rule for rule in (NEWEST_WINS, APPEND)}


def rule_of(known: RuleId) -> MergeRule:
    """The rule that manifests name so. KeyError: this program does not know it."""
    return RULES[known]
