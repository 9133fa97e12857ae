"""What one batch would publish: gathered once, the same way for the batch itself and for `hotswap plan`.

Everything is read and nothing is written: the step `collect` stores what comes of it, a plan shows it. Rows of a keyed
source are read as they are now; events of a log are read once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from loader.publish import collect as collecting
from loader.publish import requests
from loader.publish.batch import Carried, News, Work
from loader.publish.one_call import cut, without_keys
from loader.sources.api import EventReader, Poll, RowReader
from loader.sources.rows import ReadRows, chunk_of, joined, no_rows
from loader.state.keys_aside import events_of
from loader.state.open_table import Environment
from partitioner.changes.change_set import keys_in
from partitioner.changes.cutting import changes_at
from partitioner.changes.deferral import without_held
from partitioner.changes.unchanged import Recent, without_unchanged
from partitioner.history.table_state import TableState


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows that were read: of `asked` keys, a uniform sample of all that were to be read, or all."""

    rows: ReadRows
    asked: int


Read = Callable[[RowReader, pa.Array, int], Sample]
"""Reads (of) these keys. The last argument: the version that deletes get."""


def all_of(reader: RowReader, keys: pa.Array, at_ms: int) -> Sample:
    return Sample(reader.read(keys, at_ms), len(keys))


def gather(env: Environment, work: Work, before: TableState, poll: Poll, read: Read = all_of) -> News:
    """What the poll tells and what no poll tells, as rows, and what of them one call publishes.

    A batch asks under the lock, with `before` as settled. Raises what reading raises; what stands in the way of
    publishing it is for `PRECONDITIONS` to say.
    """
    if isinstance(work.reader, EventReader):
        return _events(env, work, work.reader, before, poll)
    return _rows(env, work, work.reader, before, poll, read)


def _rows(env: Environment, work: Work, reader: RowReader, before: TableState, poll: Poll, read: Read) -> News:
    """The dirty keys and those that no window tells, their rows as they are now."""
    paid, released = before.owed, before.released
    answered, theirs = requests.look(env, before)
    keys = collecting.with_owed(poll.keys, collecting.owed_keys(env, paid, released))
    keys = collecting.with_owed(keys, theirs.keys)
    sample = read(reader, keys, poll.position.read_ms if poll.position else env.clock())
    rejected = sample.rows.rejected
    stored, waiting = collecting.what_goes_on(env, before, collecting.change_set_of(env, before, sample.rows))
    lives = collecting.effective(stored, before)
    known = work.recently.refresh(env.state.records()) if work.recently else Recent()
    found = without_unchanged(lives, known, theirs.keys)
    call = cut(env, found, work.partitions_per_swap)
    left = keys_in(changes_at(found, call.left)) if call.left else None
    return News(
        asked=len(keys),
        fraction=sample.asked / len(keys) if len(keys) else 1.0,
        rejected=rejected,
        stored=without_keys(stored, left) if left is not None else stored,
        found=found,
        changes=call.changes,
        counts=collecting.counts_of(call.changes, len(rejected)),
        unchanged=len(lives.rows) - len(found.rows),
        limit=call.limit,
        confirmed=theirs.confirmed,
        carried=Carried(
            paid=paid,
            taken=tuple(aside.name for aside in released),
            answered=answered,
            healed=collecting.healed_keys(env, keys, rejected),
            waiting=waiting,
            left=left,
        ),
    )


def _events(env: Environment, work: Work, reader: EventReader, before: TableState, poll: Poll) -> News:
    """The events of the stretch, and those that earlier batches put aside and that are free now."""
    read = reader.events(poll.stretch) if poll.stretch is not None else no_rows(env.columns)
    freed = [chunk_of(aside) for aside in events_of(env, before.released)]
    all_ = joined([read, *freed]) if freed else read
    events = collecting.appended(all_)
    found, waiting = without_held(events, before.held) if before.held else (events, None)
    call = cut(env, found, work.partitions_per_swap)
    return News(
        asked=len(all_.rows) + len(read.rejected),
        fraction=1.0,
        rejected=read.rejected,
        stored=call.changes,
        found=found,
        changes=call.changes,
        counts=collecting.counts_of(call.changes, len(read.rejected)),
        unchanged=0,
        limit=call.limit,
        confirmed=pa.array([], pa.binary()),
        carried=Carried(
            taken=tuple(aside.name for aside in before.released),
            waiting=waiting if waiting is not None and len(waiting.rows) else None,
            left=changes_at(found, call.left) if call.left else None,
        ),
        moves_on=poll.stretch is not None,
    )
