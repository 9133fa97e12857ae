"""The verb `rollback` behind the command line: what it would do, and doing it."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from loader.basics.errors import ConfigError
from loader.report import reports
from loader.state.definitions import changes, definition_of, may_follow, parts_of
from loader.state.open_table import Environment
from loader.state.records import Records
from metastore.names import canonical_values, parse_partition_name
from partitioner.history.kinds import Kind
from partitioner.history.rollback_plan import NoSuchBatch, RollbackPlan, RollbackStep, batch_as_of, committed_batches
from partitioner.history.table_state import fold
from partitioner.values import PartitionValues

if TYPE_CHECKING:
    from loader.ops.rollback.steps import Goal

Found = TypeVar("Found")


def preview_rollback(
    env: Environment, to: int | None, as_of_ms: int | None, partitions: Sequence[str] = ()
) -> reports.RollbackPreview:
    """Raises ConfigError for a batch or a partition that is not there."""
    records = env.state.records()
    return _shown(env, records, _plan(env, records, _goal(env, records, to, as_of_ms, partitions)))


def rollback_as_shown(env: Environment, preview: reports.RollbackPreview) -> reports.Published:
    """Carry out what was shown to somebody. Raises PlanChanged if it would not be the same any more."""
    return _carried_out(env, preview.target_batch, None, preview.asked or (), preview)[1]


def rollback_now(
    env: Environment, to: int | None, as_of_ms: int | None, partitions: Sequence[str] = ()
) -> tuple[reports.RollbackPreview, reports.Published]:
    """Plan and carry out under one lock: a loader beside it cannot come in between."""
    return _carried_out(env, to, as_of_ms, partitions, None)


def partitions_named(env: Environment, names: Sequence[str]) -> tuple[PartitionValues, ...]:
    """`day=2026-01-01/hour=7` as SHOW PARTITIONS prints it → values. Raises ConfigError."""
    return tuple(dict.fromkeys(_values_of(env, name) for name in names))


def _values_of(env: Environment, name: str) -> PartitionValues:
    keys = [key.name for key in env.partition_keys]
    try:
        parsed = parse_partition_name(name)
        if list(parsed) != keys:
            raise ValueError(f"{name!r} names the keys {', '.join(parsed)}")
        return canonical_values(env.partition_keys, list(parsed.values()))
    except ValueError as error:
        wanted = "/".join(f"{key}=…" for key in keys)
        raise ConfigError(f"{error}; a partition of {env.table} is {wanted}", "SHOW PARTITIONS lists them.") from None


def _carried_out(
    env: Environment,
    to: int | None,
    as_of_ms: int | None,
    partitions: Sequence[str],
    shown: reports.RollbackPreview | None,
) -> tuple[reports.RollbackPreview, reports.Published]:
    from loader.ops.recover.stale_writes import repair  # noqa: PLC0415
    from loader.ops.rollback.in_parts import roll_back_in_parts  # noqa: PLC0415
    from loader.ops.rollback.steps import changed_since_shown, planned_steps  # noqa: PLC0415
    from loader.publish.batch import Batch  # noqa: PLC0415 - brings pyarrow
    from loader.publish.publish import publish  # noqa: PLC0415

    started = time.perf_counter()
    _goal(env, env.state.records(), to, as_of_ms, partitions)  # what is not there is told before anything is done
    repair(env)
    planned: list[reports.RollbackPreview] = []

    def find(records: Records) -> RollbackPlan:
        plan = _plan(env, records, _goal(env, records, to, as_of_ms, partitions))
        planned.append(_shown(env, records, plan))
        if shown is not None and planned[-1] != shown:
            raise changed_since_shown(env)
        return plan

    if shown is None:
        find(env.state.records())
    if (shown or planned[-1]).calls > 1:
        batches = roll_back_in_parts(env, find)
    else:
        batches = (publish(Batch(env, Kind.ROLLBACK), planned_steps(lambda _, records: find(records))),)
    moves = [move for batch in batches for move in batch.moves]
    published = reports.Published(
        table=str(env.table),
        batch=batches[-1].attempt.batch,
        attempt=batches[-1].attempt.attempt,
        partitions=len(moves),
        rows=sum(move.new.rows for move in moves),
        seconds=time.perf_counter() - started,
    )
    return planned[-1], published


def _goal(
    env: Environment, records: Records, to: int | None, as_of_ms: int | None, partitions: Sequence[str]
) -> "Goal":
    from loader.ops.rollback.steps import Goal  # noqa: PLC0415 - brings pyarrow

    def target() -> int:
        return to if to is not None else batch_as_of(records.attempts, as_of_ms or 0)

    batch = _found(env, records, target)
    if not partitions:
        return Goal(batch)
    chosen = partitions_named(env, partitions)
    known = records.state.live.keys() | fold(records.attempts, up_to=batch).live.keys()
    strangers = [env.name_of(partition) for partition in chosen if partition not in known]
    if strangers:
        raise ConfigError(
            f"{env.table} has no partition {', '.join(strangers)}, and had none after batch {batch}",
            "SHOW PARTITIONS lists them.",
        )
    return Goal(batch, chosen)


def _plan(env: Environment, records: Records, goal: "Goal") -> RollbackPlan:
    from loader.ops.rollback.steps import plan_of  # noqa: PLC0415 - brings pyarrow

    return _found(env, records, lambda: plan_of(env, records, goal))


def _found(env: Environment, records: Records, ask: Callable[[], Found]) -> Found:
    try:
        return ask()
    except NoSuchBatch as error:
        known = ", ".join(str(batch) for batch in committed_batches(records.attempts)[-10:]) or "none"
        raise ConfigError(f"{env.table}: {error}", f"Committed batches: {known}.") from None


def _shown(env: Environment, records: Records, plan: RollbackPlan) -> reports.RollbackPreview:
    from loader.ops.rollback.in_parts import parts_of  # noqa: PLC0415 - brings pyarrow

    target = records.attempt(plan.target)
    return reports.RollbackPreview(
        table=str(env.table),
        target_batch=plan.target,
        target_committed_ms=target.ending.concluded_ms if target and target.committed and target.ending else None,
        partitions=tuple(_step(env, step) for step in plan.steps),
        batches_undone=plan.undone,
        asked=_names(env, plan.asked),
        held=_names(env, plan.held),
        calls=len(parts_of(env, records, plan)),
        definition=_definition_changes(env, records, plan.target),
    )


def _definition_changes(env: Environment, records: Records, target: int) -> tuple[str, ...]:
    """Part by part; nothing where it stays, or has only got columns by `evolve` since."""
    now, then = definition_of(env, records.state), definition_of(env, fold(records.attempts, up_to=target))
    if now is None or then is None or now == then or may_follow(env, now.digest, then):
        return ()
    return tuple(changes(parts_of(env, now.digest), parts_of(env, then.digest) or {}))


def _step(env: Environment, step: RollbackStep) -> reports.PartitionRollback:
    return reports.PartitionRollback(
        name=env.name_of(step.partition),
        from_location=step.now.location if step.now else None,
        to_location=step.then.location if step.then else "(empty)",
        rows_now=step.now.rows if step.now else 0,
        rows_then=step.then.rows if step.then else 0,
    )


def _names(env: Environment, partitions: Sequence[PartitionValues] | None) -> tuple[str, ...] | None:
    return None if partitions is None else tuple(env.name_of(partition) for partition in partitions)
