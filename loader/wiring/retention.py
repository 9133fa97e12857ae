"""The settings of retention as the rules that the partitioner decides by."""

from typing import TYPE_CHECKING

from partitioner.history.retention import Keep, RetentionRules

if TYPE_CHECKING:
    from loader.config.settings import TableSettings


def retention_of(table: "TableSettings") -> RetentionRules:
    keeps = tuple(Keep(round(keep.every * 1000), round(keep.within * 1000)) for keep in table.history)
    return RetentionRules(round(table.reader_grace * 1000), keeps)
