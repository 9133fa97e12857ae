"""The verbs `hold` and `resume` behind the command line, and what `status` tells of holds."""

from collections.abc import Sequence

from loader.ops.rollback.rollback import partitions_named
from loader.report import reports
from loader.state.open_table import Environment
from partitioner.history.kinds import Kind
from partitioner.history.table_state import Hold, TableState
from partitioner.values import PartitionValues


def preview_hold(env: Environment, partitions: Sequence[str] = ()) -> reports.HoldPlan:
    """What a hold would keep as it is. Raises ConfigError for what is no partition of the table."""
    state = env.state.records().state
    chosen = sorted(partitions_named(env, partitions)) if partitions else None
    live = [state.live.get(values) for values in (chosen if chosen is not None else state.live)]
    return reports.HoldPlan(
        table=str(env.table),
        partitions=tuple(env.name_of(values) for values in chosen) if chosen is not None else None,
        absent=tuple(env.name_of(values) for values in chosen or () if values not in state.live),
        count=len(chosen if chosen is not None else state.live),
        rows=sum(version.rows for version in live if version is not None),
        batch=state.batch or None,
        holds=hold_reports(env, state),
    )


def hold(env: Environment, partitions: Sequence[str] = ()) -> reports.HoldReport:
    """Keep the loader from publishing over `partitions` (none: over the whole table), and move nothing."""
    from loader.ops.rollback.steps import hold_steps  # noqa: PLC0415
    from loader.publish.batch import Batch  # noqa: PLC0415 - brings pyarrow
    from loader.publish.publish import publish  # noqa: PLC0415

    chosen = tuple(sorted(partitions_named(env, partitions))) if partitions else None
    batch = publish(Batch(env, Kind.HOLD), hold_steps(chosen))
    manifest = batch.recorded
    return hold_report(env, Hold(manifest.batch, None, manifest.recorded_ms, manifest.held))


def preview_resume(env: Environment, partitions: Sequence[str] = ()) -> reports.ResumePlan:
    """Raises Held (there is nothing to resume)."""
    from loader.ops.rollback.steps import holds_to_end  # noqa: PLC0415 - brings pyarrow

    records, chosen = env.state.records(), _chosen(env, partitions)
    ending = holds_to_end(env, records.state, chosen)
    undone = sorted({batch for item in ending for batch in item.undone})
    counted = [a.manifest.counts for a in records.attempts if a.manifest and a.intent.batch in undone]
    return reports.ResumePlan(
        table=str(env.table),
        holds=tuple(hold_report(env, item) for item in ending),
        partitions=tuple(env.name_of(item) for item in chosen) if chosen is not None else None,
        batches=tuple(undone),
        keys=sum(counts.upserts + counts.deletes for counts in counted),
        deferred=deferred_keys(records.state),
        of_log=not env.rule_of(records.state).idempotent,
    )


def resume(env: Environment, plan: reports.ResumePlan) -> None:
    """End the holds; the next batch reads again what was taken back, and what had to wait."""
    from loader.ops.rollback.steps import resume_steps  # noqa: PLC0415
    from loader.publish.batch import Batch  # noqa: PLC0415 - brings pyarrow
    from loader.publish.publish import publish  # noqa: PLC0415

    publish(Batch(env, Kind.RESUME), resume_steps(_chosen(env, plan.partitions or ())))


def hold_report(env: Environment, item: Hold) -> reports.HoldReport:
    names = None if item.partitions is None else tuple(env.name_of(partition) for partition in item.partitions)
    return reports.HoldReport(item.batch, item.target, item.since_ms, names)


def hold_reports(env: Environment, state: TableState) -> tuple[reports.HoldReport, ...]:
    return tuple(hold_report(env, item) for item in state.holds)


def deferred_keys(state: TableState) -> int:
    """Keys that wait for a hold to end; one that waits for two of them may count twice."""
    return sum(aside.keys for aside in state.deferred)


def _chosen(env: Environment, partitions: Sequence[str]) -> tuple[PartitionValues, ...] | None:
    return partitions_named(env, partitions) if partitions else None
