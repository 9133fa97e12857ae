"""A hold as the verbs tell it."""

from typing import TYPE_CHECKING

from loader.cli.times import moment_text

if TYPE_CHECKING:
    from loader.report.reports import HoldReport

MOST_NAMED = 10


def hold_text(hold: "HoldReport") -> str:
    """`rollback 7 to batch 5, of day=2026-07-01, since …`."""
    how = f"rollback {hold.batch} to batch {hold.target}" if hold.target is not None else f"hold {hold.batch}"
    return f"{how}, of {held_text(hold)}, since {moment_text(hold.since_ms)}"


def held_text(hold: "HoldReport") -> str:
    names = hold.partitions
    if names is None:
        return "the whole table"
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
