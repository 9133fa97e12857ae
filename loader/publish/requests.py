"""The asked keys of one batch: which it takes, whose deletes a person has agreed to, and whether any wait."""

import pyarrow as pa
import pyarrow.compute as pc

from loader.state import rereads
from loader.state.open_table import Environment
from partitioner.changes.change_set import ChangeSet, Op
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


def forget(env: Environment, before: TableState) -> None:
    """Delete the requests that committed batches have answered. Under the lock."""
    rereads.forget(env.files, env.layout, before.answered)


def unconfirmed(changes: ChangeSet, confirmed: pa.Array) -> pa.Table:
    """The deletes that nobody has agreed to yet."""
    deletes = changes.rows.filter(pc.equal(changes.rows[":op"], int(Op.DELETE)))
    return deletes.filter(pc.invert(pc.is_in(deletes[":key"], confirmed))) if len(confirmed) else deletes
