"""What one batch would publish: gathered once, the same way for the batch itself and for `hotswap plan`.

Everything is read and nothing is written: the step `collect` stores what comes of it, a plan shows it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from loader.publish import collect as collecting
from loader.publish import requests
from loader.publish.batch import Carried, DirtyKeys, Gathered, ReadRows, RowReader, Work
from loader.publish.one_call import cut, without_keys
from loader.state.open_table import Environment
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


def gather(env: Environment, work: Work, before: TableState, dirty: DirtyKeys, read: Read = all_of) -> Gathered:
    """The dirty keys and those that no window tells, their rows as they are now, and what of them one call publishes.

    A batch asks under the lock, with `before` as settled. Raises what reading raises; what stands in the way of
    publishing it is for `PRECONDITIONS` to say.
    """
    paid, released = before.owed, before.released
    answered, theirs = requests.look(env, before)
    keys = collecting.with_owed(dirty.keys, collecting.owed_keys(env, paid, released))
    keys = collecting.with_owed(keys, theirs.keys)
    sample = read(work.reader, keys, dirty.position.read_ms if dirty.position else env.clock())
    rejected = sample.rows.rejected
    stored, waiting = collecting.what_goes_on(env, before, collecting.change_set_of(env, before, sample.rows))
    lives = collecting.effective(stored, before)
    known = work.recently.refresh(env.state.records()) if work.recently else Recent()
    found = without_unchanged(lives, known, theirs.keys)
    call = cut(env, found, work.partitions_per_swap)
    return Gathered(
        keys=keys,
        fraction=sample.asked / len(keys) if len(keys) else 1.0,
        rejected=rejected,
        stored=without_keys(stored, call.left) if call.left is not None else stored,
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
            left=call.left,
        ),
    )
