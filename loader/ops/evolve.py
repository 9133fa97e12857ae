"""Columns that come to a table: the Hive table gets them at once, old rows by a comparison with HBase.

Files that were written before have no such column, and read as null. Which rows are not null in HBase only a comparison
tells; until one has been done, and what it found is published, the new columns are not equal yet.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from loader.basics.errors import UnsuitableTable
from loader.ops.reconcile.store import Store
from loader.publish.preconditions import specs
from loader.publish.settling import settle_all
from loader.publish.suitable import check_suitable
from loader.state import rereads
from loader.state.definitions import Described, store
from loader.state.gaps import Debt, owe
from loader.state.layout import Layout
from loader.state.lock import table_lock
from loader.state.names import names
from loader.state.objects import create_object, read_object
from loader.state.open_table import Environment
from loader.storage.files import Files, join
from metastore.api import Column
from partitioner.history.table_state import TableState
from partitioner.values import ColumnSpec


@dataclass(frozen=True, slots=True)
class Evolution:
    """Columns that were added at `at_ms` under the mapping with this digest."""

    at_ms: int
    digest: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvolveReport:
    """What `evolve` would add, or has added; `behind`: columns that are not equal yet, in old rows."""

    table: str
    added: tuple[ColumnSpec, ...]
    done: bool
    behind: tuple[str, ...]


def new_columns(table: str, has: Sequence[ColumnSpec], wants: Sequence[ColumnSpec]) -> tuple[ColumnSpec, ...]:
    """What has to be added behind what is there. Raises UnsuitableTable for anything that is no addition."""
    names = {name for name, _ in wants}
    for (name, kind), found in zip(has, [*wants, *[None] * len(has)], strict=False):
        if found == (name, kind):
            continue
        if name not in names:
            what, hint = (
                f"column {name} of {table} is gone from the configuration",
                "Columns can be added, not dropped.",
            )
        elif found is not None and found[0] == name:
            what = f"column {name} of {table} is {kind}, and {found[1]} in the configuration"
            hint = "A type cannot be changed: add a column of the new type under another name."
        else:
            what = f"column {name} of {table} is not at its place in the configuration"
            hint = "Put new columns behind all others: readers of old files go by position."
        raise UnsuitableTable(what, hint)
    return tuple(wants[len(has) :])


def evolve(
    env: Environment, wants: Sequence[ColumnSpec], digest: str, source: str, described: Described | None = None
) -> EvolveReport:
    """Add what is new, under the lock; readers see null until the rows come. Twice is harmless.

    What is done is on record before the table is changed: a crash in between leaves a debt that is paid for nothing.
    `described`: the definition of the rows from then on.
    """
    lock = table_lock(env)
    lock.acquire()
    try:
        settle_all(env)
        table = env.metastore.table(env.table)
        check_suitable(table)
        new = new_columns(str(env.table), specs(table.columns), wants)
        if described is not None:
            store(env, described)
        if new:
            _note(env, Evolution(env.clock(), digest, tuple(name for name, _ in new)), source)
            lock.ensure()
            env.metastore.add_columns(env.table, [Column(name, kind) for name, kind in new])
    finally:
        lock.release()
    return EvolveReport(str(env.table), new, True, behind(env.files, env.layout, env.state.records().state))


def preview_evolve(env: Environment, wants: Sequence[ColumnSpec]) -> EvolveReport:
    """What `evolve` would do. Raises UnsuitableTable."""
    table = env.metastore.table(env.table)
    check_suitable(table)
    new = new_columns(str(env.table), specs(table.columns), wants)
    return EvolveReport(str(env.table), new, False, behind(env.files, env.layout, env.state.records().state))


def behind(files: Files, layout: Layout, state: TableState) -> tuple[str, ...]:
    """Columns that may still be null in Hive where HBase has a value.

    A column is equal once a comparison that knew it, and began after it came, has found nothing or been answered.
    """
    evolutions = _evolutions(files, layout)
    if not evolutions:
        return ()
    last = Store(files, layout).last()
    open_ = {found.name for found in rereads.open_asks(files, layout, state.answered)}
    settled = last is not None and last.repaired and not open_ & set(last.asks)
    return tuple(
        name
        for evolution in evolutions
        for name in evolution.columns
        if not (settled and last is not None and last.begun_ms >= evolution.at_ms and name in last.columns)
    )


def _note(env: Environment, evolution: Evolution, source: str) -> None:
    columns = ", ".join(evolution.columns)
    debt = Debt(
        f"evolve {evolution.at_ms}", f"{columns} came to the table", source, evolution.at_ms, 0, evolution.at_ms
    )
    owe(env.files, env.layout, debt)
    number = len(names(env.files, env.layout, "evolutions")) + 1
    while not create_object(env.files, join(env.layout.evolutions, f"{number:010d}.json"), asdict(evolution)):
        number += 1


def _evolutions(files: Files, layout: Layout) -> tuple[Evolution, ...]:
    stored = names(files, layout, "evolutions")
    return tuple(read_object(files, join(layout.evolutions, name), Evolution) for name in stored)
