"""What every scenario is made of: a table, its source before and after a change, and what is to be right in the end."""

from collections.abc import Callable
from dataclasses import dataclass

from loader.ops.table import TableService
from loader.storage.effects import Tap
from tests.crash.world import Rows, World, problems_with
from tests.world import Source, create_table, expected, run_batch

DAYS = ("mon", "tue", "wed", "thu")


@dataclass(frozen=True)
class Scenario:
    """`prepare` and `finish` are not killed. `finish` does what is to be done next, and says what is wrong then.

    `before`: what somebody else died in, between `prepare` and `act`. Each runs in a process of its own: a client of
    HDFS does not survive a fork.
    """

    name: str
    prepare: Callable[[World], None]
    act: Callable[[World, Tap], None]
    seen_at_once: Callable[[], tuple[Rows, ...]]  # what readers may see right after the crash
    finish: Callable[[World], list[str]]
    before: Callable[[World], None] | None = None


def before() -> Source:
    """Four days; `gone` has one row, which the batch deletes."""
    source = Source()
    for number in range(40):
        source.put(f"k{number:03d}", DAYS[number % 4], number)
    source.put("last", "gone", 1)
    return source


def change(source: Source) -> Source:
    """Updates, inserts, deletes, moves both ways, a new partition and an emptied one."""
    for number in range(0, 40, 5):
        source.put(f"k{number:03d}", DAYS[number % 4], -number)
    source.put("new1", "mon", 7)
    source.put("new2", "fri", 8)
    source.put("k002", "fri", 9)
    source.put("k003", "mon", 10)
    source.delete("k001")
    source.delete("last")
    source.delete("never was")
    return source


def after() -> Source:
    return change(before())


def created(world: World) -> None:
    create_table(world.served.connect(), world.location)


def loaded(world: World) -> None:
    created(world)
    run_batch(world.open("base"), before())


def changed(world: World) -> None:
    loaded(world)
    run_batch(world.open("second"), after())


def second_batch(world: World, tap: Tap) -> None:
    run_batch(world.open("killed", tap), after())


def caught_up(world: World) -> list[str]:
    """The next run reads everything again, and is right."""
    env = world.open("restarted")
    run_batch(env, after())
    return problems_with(env, after())


def resumed(world: World, source: Source | None = None) -> list[str]:
    """`resume` if it is still to be done, and the next batch, of nothing but what is owed. `source`: None: after()."""
    env = world.open("resumes")
    service = TableService(env)
    service.recover()
    if env.state.records().state.holds:
        service.resume(service.preview_resume())
    source = source or after()
    source.dirty.clear()
    run_batch(env, source)
    return problems_with(env, source)


def rows_of(*sources: Callable[[], Source]) -> Callable[[], tuple[Rows, ...]]:
    return lambda: tuple(expected(source()) for source in sources)
