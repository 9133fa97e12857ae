"""The asked keys of one batch: which it takes, whose deletes a person has agreed to, and whether any wait."""

import pyarrow as pa
import pyarrow.compute as pc

from loader.state import rereads
from loader.state.open_table import Environment
from partitioner.changes.change_set import ChangeSet, Op
from partitioner.history.manifest import Counts
from partitioner.history.table_state import TableState

NOBODY = rereads.Asked(pa.array([], pa.binary()), pa.array([], pa.binary()))


def any_open(env: Environment, state: TableState) -> bool:
    """Whether somebody waits for a batch."""
    return bool(rereads.open_asks(env.files, env.layout, state.answered))


def look(env: Environment, state: TableState) -> tuple[tuple[str, ...], rereads.Asked]:
    """What the next batch will answer, by name, and its keys."""
    taken = rereads.of_one_batch(rereads.open_asks(env.files, env.layout, state.answered))
    if not taken:
        return (), NOBODY
    return tuple(found.name for found in taken), rereads.load(env.files, env.layout, taken)


def take(env: Environment, before: TableState) -> tuple[tuple[str, ...], rereads.Asked]:
    """What this batch answers. Under the lock; what was answered before is deleted."""
    rereads.forget(env.files, env.layout, before.answered)
    return look(env, before)


def unconfirmed(counts: Counts, changes: ChangeSet, theirs: rereads.Asked) -> int:
    """Deletes that nobody has agreed to yet."""
    if not len(theirs.confirmed):
        return counts.deletes
    agreed = pc.and_(pc.equal(changes.rows["__op"], int(Op.DELETE)), pc.is_in(changes.rows["__key"], theirs.confirmed))
    return counts.deletes - int(pc.sum(agreed).as_py() or 0)
