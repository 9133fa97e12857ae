"""How much of a batch may be rejected or deleted before a person has to look: preconditions of its swap.

A preview may know a sample only: what it saw is scaled up then, and the message says "about".
"""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from loader.basics.errors import NeedsConfirmation, TooManyRejected
from loader.basics.printable import printable
from loader.publish.batch import Batch
from loader.publish.requests import unconfirmed
from loader.state.quarantine import RejectedRow
from partitioner.changes.change_set import NOWHERE
from partitioner.values import Estimate

SMALL_DELETE = 1000
"""Fewer deletes than this never ask for confirmation, whatever their share."""

MOST_COLUMNS = 3
"""Named where too many rows are rejected."""


def few_rejected(batch: Batch) -> None:
    """Raises TooManyRejected."""
    rejected, most = batch.news.rejected, batch.given.max_rejected
    count = batch.news.estimated(len(rejected))
    if most is None or count.value <= most:
        return
    raise too_many(f"{_told(count)} rows of {batch.env.table}", most, rejected)


def too_many(rows: str, most: int, rejected: Sequence[RejectedRow]) -> TooManyRejected:
    """`rows`: how many of which table. Names the columns, most first, by the rows that were seen."""
    first, columns = rejected[0], Counter(row.column or "row key or partition" for row in rejected)
    share = ", ".join(f"{name} {count}" for name, count in columns.most_common(MOST_COLUMNS))
    return TooManyRejected(
        f"{rows} cannot be decoded, more than max_rejected = {most}, by column: {share};"
        f" the first is row {printable(first.key)}: {first.reason}",
        "Correct the mapping (`hotswap init --dry-run` shows raw bytes), or raise max_rejected.",
    )


def few_deletes(batch: Batch) -> None:
    """A truncated source, lost rights or a wrong namespace look like many deletes. Raises NeedsConfirmation."""
    rows = sum(version.rows for version in batch.before.live.values())
    deletes = batch.news.estimated(len(unconfirmed(batch.news.found, batch.news.confirmed)))
    if deletes.value > max(SMALL_DELETE, batch.given.max_delete_share * rows):
        raise NeedsConfirmation(
            f"this batch would delete {_told(deletes)} of the {rows} rows of {batch.env.table}",
            "If HBase really lost them, run once with --confirm-deletes; if not, check the table and its permissions.",
        )


def few_deletes_of_each_partition(batch: Batch) -> None:
    """A small partition that is emptied does not show in the table's share. Raises NeedsConfirmation."""
    env, live, share = batch.env, batch.before.live, batch.given.max_partition_delete_share
    if share >= 1.0:
        return
    partitions = batch.news.found.partitions
    for place in pc.value_counts(_places(unconfirmed(batch.news.found, batch.news.confirmed))).to_pylist():
        partition = partitions[place["values"]]
        deletes, rows = batch.news.estimated(place["counts"]), live[partition].rows if partition in live else 0
        if deletes.value > max(SMALL_DELETE, share * rows):
            raise NeedsConfirmation(
                f"this batch would delete {_told(deletes)} of the {rows} rows of partition {env.name_of(partition)}"
                f" of {env.table}",
                "If HBase really lost them, run once with --confirm-deletes; if not, check the table and its rights.",
            )


def _places(rows: pa.Table) -> pa.ChunkedArray:
    """Where each row lives, as far as that is known; else where it would have to."""
    return pc.if_else(pc.greater(rows[":origin"], NOWHERE), rows[":origin"], rows[":target"])


def _told(count: Estimate) -> str:
    """As a batch counts it, or as a sample lets one expect."""
    return f"about {count.value:.0f}" if count.error else f"{count.value:.0f}"
