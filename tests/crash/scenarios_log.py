"""The same for a table of events: what a loader that appends, or an operator, can be in the middle of."""

from loader.ops.rollback.steps import hold_steps
from loader.ops.table import TableService
from loader.publish.batch import Batch
from loader.publish.publish import publish
from loader.state.open_table import Environment
from loader.storage.effects import Tap
from partitioner.history.kinds import Kind
from tests.crash.scenario import Scenario, created
from tests.crash.world import Rows, World, fences
from tests.log_world import MemoryLog, event, opened_as_log, rows_in, run_log_batch
from tests.world import visible

DAYS = ("mon", "tue", "wed")
FIRST, SECOND, THIRD = 20, 34, 40
"""How many events there are when the first, the second and the third batch have read the log."""


def log_of(count: int) -> MemoryLog:
    """A bad one among each ten; the last day appears with the second batch."""
    log = MemoryLog()
    for number in range(count):
        day = "fri" if number in (FIRST, FIRST + 3) else DAYS[number % 3]
        log.append(f"p{number % 2}", b"bad" if number % 10 == 9 else event(f"e{number:03d}", day, number))
    return log


def shown(count: int) -> Rows:
    return rows_in(log_of(count))


def opened(world: World, run: str, tap: Tap | None = None) -> Environment:
    return opened_as_log(world.open(run, tap))


def appended(world: World, *counts: int) -> None:
    env = opened(world, "base")
    for count in counts:
        run_log_batch(env, log_of(count))


def one_batch(world: World) -> None:
    created(world)
    appended(world, FIRST)


def two_batches(world: World) -> None:
    created(world)
    appended(world, FIRST, SECOND)


def appends(world: World, tap: Tap) -> None:
    run_log_batch(opened(world, "killed", tap), log_of(SECOND))


def wrong(env: Environment, count: int) -> list[str]:
    """What is not as it should be once a run has put all right."""
    seen, strange = visible(env.metastore, env.files), fences(env.metastore) - set(env.fences.own or ())
    unsettled = [attempt.intent.batch for attempt in env.state.records().unsettled]
    found = {
        f"rows: {seen}, not {shown(count)}": seen != shown(count),
        f"unsettled: {unsettled}": bool(unsettled),
        f"fences of others: {strange}": bool(strange),
    }
    return [problem for problem, is_there in found.items() if is_there]


def goes_on(world: World) -> list[str]:
    """The next run reads on where the last committed one ended: nothing twice, nothing never."""
    env = opened(world, "restarted")
    run_log_batch(env, log_of(SECOND))
    run_log_batch(env, log_of(THIRD))
    return wrong(env, THIRD)


def cut(world: World, tap: Tap) -> None:
    """Two partitions a call, and so two batches; the events that the first one leaves lie aside."""
    env = opened(world, "killed", tap)
    for _ in range(2):
        run_log_batch(env, log_of(SECOND), per_swap=3)


def seen_of_a_cut() -> tuple[Rows, ...]:
    free = {name: row for name, row in shown(SECOND).items() if name in shown(FIRST) or row[0] in ("fri", "mon")}
    return shown(FIRST), free, shown(SECOND)


def back(env: Environment) -> None:
    service = TableService(env)
    service.rollback(service.preview_rollback(1, None))


def goes_back(world: World, tap: Tap) -> None:
    back(opened(world, "killed", tap))


def back_and_forth(world: World) -> list[str]:
    """Go back if the rollback did not; then a resume reads the log again from where the first batch had ended."""
    env = opened(world, "restarted")
    service = TableService(env)
    service.recover()
    if not env.state.records().state.holds:
        back(env)
    problems = [] if world.visible() == shown(FIRST) else [f"after the rollback: {world.visible()}"]
    return [*problems, *resumed(world)]


def went_back(world: World) -> None:
    two_batches(world)
    back(opened(world, "operator"))


def resumes(world: World, tap: Tap) -> None:
    env = opened(world, "killed", tap)
    service = TableService(env)
    service.resume(service.preview_resume())
    run_log_batch(env, log_of(THIRD))


def resumed(world: World) -> list[str]:
    env = opened(world, "resumes")
    service = TableService(env)
    service.recover()
    if env.state.records().state.holds:
        service.resume(service.preview_resume())
    run_log_batch(env, log_of(THIRD))
    return wrong(env, THIRD)


def monday_held(world: World) -> None:
    one_batch(world)
    publish(Batch(opened(world, "operator"), Kind.HOLD), hold_steps((("mon",),)))


def without_monday() -> Rows:
    return {name: row for name, row in shown(SECOND).items() if name in shown(FIRST) or row[0] != "mon"}


def monday_waits(world: World) -> None:
    monday_held(world)
    appended(world, SECOND)


LOG_SCENARIOS = (
    Scenario("append", one_batch, appends, lambda: (shown(FIRST), shown(SECOND)), goes_on),
    Scenario("append, cut", one_batch, cut, seen_of_a_cut, goes_on),
    Scenario("append, rollback", two_batches, goes_back, lambda: (shown(SECOND), shown(FIRST)), back_and_forth),
    Scenario("append, resume", went_back, resumes, lambda: (shown(FIRST), shown(THIRD)), resumed),
    Scenario("append, deferred", monday_held, appends, lambda: (shown(FIRST), without_monday()), resumed),
    Scenario("append, released", monday_waits, resumes, lambda: (without_monday(), shown(THIRD)), resumed),
)
