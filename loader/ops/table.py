"""One table as an operator sees it: what the verbs `status`, `history`, `rollback`, `resume` and `recover` do.

Needs the metastore and the files; neither HBase nor Spark.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loader.ops import hold
from loader.ops.recover import recover
from loader.ops.rollback import rollback
from loader.report import reports
from loader.state.gaps import debts
from loader.state.open_table import Environment
from loader.state.quarantine import quarantined
from loader.state.records import Records
from loader.state.rereads import open_asks
from loader.state.witness import APART_MS
from loader.wiring.retention import retention_of
from partitioner.history.manifest import Manifest
from partitioner.history.table_state import Attempt, TableState, unsettled

if TYPE_CHECKING:
    from loader.config.settings import TableSettings
    from loader.ops.analyze import AnalyzeReport
    from loader.ops.reconcile.store import Store
    from loader.ops.reconcile.values import Begun
    from loader.ops.reindex.reindex import ReindexPlan, ReindexReport
    from loader.ops.show import BatchDetail, Difference
    from loader.ops.verify.verify import VerifyReport
    from loader.report.health import Vitals


@dataclass(frozen=True, slots=True)
class TableService:
    """The verbs over one table."""

    env: Environment

    def status(self) -> reports.Status:
        standing, position = self.env.state.latest(), self.env.state.position()
        versions, whole = standing.state.live.values(), standing.state.whole_hold
        waiting = quarantined(self.env.files, self.env.layout, standing.attempts, standing.quarantined)
        ahead_ms = position.read_ms - self.env.clock() if position else None
        is_ahead = ahead_ms is not None and ahead_ms > APART_MS
        compared, comparing = _comparisons(self.env)
        return reports.Status(
            table=str(self.env.table),
            batch=standing.state.batch or None,
            committed_at_ms=standing.committed_ms,
            low_watermark_ms=_earliest(position.low_ms, standing.state.watermark) if position else None,
            lag_s=max(0.0, -ahead_ms / 1000) if ahead_ms is not None and not is_ahead else None,
            ahead_s=ahead_ms / 1000 if ahead_ms is not None and is_ahead else None,
            source=position.source if position else None,
            hold=hold.hold_report(self.env, whole) if whole else None,
            quarantine=len(waiting),
            unsettled=tuple(attempt.intent.attempt for attempt in unsettled(standing.attempts)),
            partitions=len(standing.state.live),
            rows=sum(version.rows for version in versions),
            bytes=sum(version.bytes for version in versions),
            last_error=_last_error(standing.attempts),
            debts=tuple(reports.Owed(debt.reason, debt.since_ms) for debt in debts(self.env.files, self.env.layout)),
            asked=sum(item.keys for item in open_asks(self.env.files, self.env.layout, standing.state.answered)),
            compared=compared,
            comparing=comparing,
            behind=_behind(self.env, standing.state),
            holds=hold.hold_reports(self.env, standing.state),
            deferred=hold.deferred_keys(standing.state),
        )

    def vitals(self) -> "Vitals":
        """What alarms and metrics judge the table by."""
        from loader.report.health import vitals_of  # noqa: PLC0415 - few verbs need it

        return vitals_of(self.env)

    def history(self, limit: int) -> tuple[reports.HistoryEntry, ...]:
        """The last `limit` attempts, newest first."""
        records = self.env.state.records()
        shown = _shown(records)
        newest = records.attempts[::-1][:limit]
        return tuple(_entry(attempt, attempt.intent.batch in shown) for attempt in newest)

    def show_batch(self, batch: int) -> "BatchDetail":
        """Raises ConfigError for a number that no attempt has."""
        from loader.ops.show import detail_of  # noqa: PLC0415 - few verbs need it

        return detail_of(str(self.env.table), self.env.state.records(), batch, self.env.name_of)

    def diff(self, older: int, newer: int) -> "Difference":
        """Raises ConfigError for a number that is no committed batch."""
        from loader.ops.show import difference_of  # noqa: PLC0415 - few verbs need it

        return difference_of(str(self.env.table), self.env.state.records(), older, newer, self.env.name_of)

    def verify(self, settings: "TableSettings", deep: bool) -> "VerifyReport":
        """Compare metastore, manifests and files; `deep` reads the files. Changes nothing."""
        from loader.ops.verify.verify import verify  # noqa: PLC0415 - few verbs need it

        return verify(self.env, settings, deep)

    def preview_reindex(self, settings: "TableSettings", /) -> "ReindexPlan":
        """Raises ConfigError where no index is kept."""
        from loader.ops.reindex.reindex import preview_reindex  # noqa: PLC0415 - few verbs need it

        return preview_reindex(self.env, settings)

    def reindex(self, settings: "TableSettings", /) -> "ReindexReport":
        """Make the key index anew from the live files, under the lock."""
        from loader.ops.reindex.reindex import reindex  # noqa: PLC0415 - few verbs need it

        return reindex(self.env, settings)

    def preview_rollback(
        self, to: int | None, as_of_ms: int | None, partitions: Sequence[str] = ()
    ) -> reports.RollbackPreview:
        """Raises ConfigError for a batch or a partition that is not there."""
        return rollback.preview_rollback(self.env, to, as_of_ms, partitions)

    def rollback(self, preview: reports.RollbackPreview, /) -> reports.Published:
        """Carry out what was shown. Raises PlanChanged if the table has moved on since."""
        return rollback.rollback_as_shown(self.env, preview)

    def rollback_now(
        self, to: int | None, as_of_ms: int | None, partitions: Sequence[str] = ()
    ) -> tuple[reports.RollbackPreview, reports.Published]:
        """Plan under the lock and carry it out: no loader can come in between."""
        return rollback.rollback_now(self.env, to, as_of_ms, partitions)

    def preview_hold(self, partitions: Sequence[str] = ()) -> reports.HoldPlan:
        """Raises ConfigError for what is no partition of the table."""
        return hold.preview_hold(self.env, partitions)

    def hold(self, partitions: Sequence[str] = ()) -> reports.HoldReport:
        """Keep the loader from publishing over these partitions; none: over the table."""
        return hold.hold(self.env, partitions)

    def preview_resume(self, partitions: Sequence[str] = ()) -> reports.ResumePlan:
        """Raises Held (there is nothing to resume)."""
        return hold.preview_resume(self.env, partitions)

    def resume(self, plan: reports.ResumePlan, /) -> None:
        """End the holds; the next batch reads again what was taken back, and what had to wait."""
        hold.resume(self.env, plan)

    def recover(self, believe_old: bool = False) -> tuple[reports.Settled, ...]:
        """Settle every unsettled attempt under the lock, drop fences that nobody needs any more, mend what a stale
        write has put back, and put wrong row counts right. `believe_old`: a swap without fence, or a drop, that has
        not landed is taken for aborted.
        """
        return recover.recover(self.env, believe_old)

    def analyze(self, partitions: Sequence[str], columns: Sequence[str], again: bool) -> "AnalyzeReport":
        """Column statistics of live partitions, by the call that moves nothing. Raises ConfigError, LockHeld."""
        from loader.ops.analyze import analyze  # noqa: PLC0415 - brings pyarrow and duckdb

        return analyze(self.env, partitions, columns, again)

    def clean(self, settings: "TableSettings", /, dry: bool, empty_partitions: bool = False) -> reports.CleanReport:
        """Delete old versions past their grace, or, `dry`, tell which they are. Raises LockHeld.

        `empty_partitions`: drop those without rows as well; what they pointed to goes with a later clean.
        """
        from loader.ops.clean.clean import clean, preview_clean  # noqa: PLC0415
        from loader.ops.clean.empty_partitions import drop_empty_partitions, find_empty_partitions  # noqa: PLC0415

        rules, drop = retention_of(settings), find_empty_partitions if dry else drop_empty_partitions
        empty = drop(self.env) if empty_partitions else ()
        done = preview_clean(self.env, rules) if dry else clean(self.env, rules)
        unsettled = bool(self.env.state.records().unsettled)
        return reports.CleanReport(
            table=str(self.env.table),
            deleted=not dry and not unsettled,
            directories=tuple(
                reports.CleanedDirectory(item.location, item.batch, item.since_ms, item.why)
                for item in done.directories
            ),
            change_sets=done.change_sets,
            failed=done.failed,
            unsettled=unsettled,
            folded=done.forgotten.attempts,
            objects=done.forgotten.objects,
            empty=tuple(self.env.name_of(partition) for partition in empty),
            foreign=done.foreign,
        )


def _window(manifest: Manifest | None) -> tuple[int, int] | None:
    position = manifest.position if manifest else None
    return (position.since_ms, position.read_ms) if position else None


def _earliest(*marks: int | None) -> int | None:
    return min((mark for mark in marks if mark is not None), default=None)


def _comparisons(env: Environment) -> tuple[reports.Compared | None, reports.Comparing | None]:
    """The last one that ended, and the one that has not."""
    from loader.ops.reconcile.store import Store  # noqa: PLC0415 - few tables need it

    store = Store(env.files, env.layout)
    last, begun = store.last(), store.unfinished()
    return (
        reports.Compared(last.number, last.ended_ms, sum(last.drift.values()), last.repaired) if last else None,
        _comparing(store, begun) if begun else None,
    )


def _comparing(store: "Store", begun: "Begun") -> reports.Comparing:
    return reports.Comparing(
        begun.number, begun.begun_ms, store.reached(begun), len(begun.ranges), store.unconfirmed(begun)
    )


def _behind(env: Environment, state: TableState) -> tuple[str, ...]:
    """Columns that were added and that no comparison has found equal since."""
    if not env.files.exists(env.layout.evolutions):
        return ()
    from loader.ops.evolve import behind  # noqa: PLC0415 - brings pyarrow, which few tables need

    return behind(env.files, env.layout, state)


def _last_error(attempts: Sequence[Attempt]) -> str | None:
    """Why the newest attempt was aborted, if nothing has been committed since."""
    last = attempts[-1] if attempts else None
    return last.ending.reason if last and last.ending and not last.committed else None


def _shown(records: Records) -> frozenset[int]:
    """Attempts that the table still shows: from the newest back, past whatever a rollback took back."""
    committed = [attempt for attempt in records.attempts if attempt.committed]
    shown: set[int] = set()
    reach: int | None = None
    for attempt in reversed(committed):
        if reach is not None and attempt.intent.batch > reach:
            continue
        shown.add(attempt.intent.batch)
        reach = attempt.manifest.target if attempt.manifest and attempt.manifest.held is None else None
    return frozenset(shown)


def _entry(attempt: Attempt, live: bool) -> reports.HistoryEntry:
    manifest, ending = attempt.manifest, attempt.ending
    return reports.HistoryEntry(
        batch=attempt.intent.batch,
        attempt=attempt.intent.attempt,
        kind=attempt.intent.kind.value,
        outcome=recover.told(ending.verdict) if ending else "unsettled",
        started_ms=attempt.intent.started_ms,
        ended_ms=ending.concluded_ms if ending else None,
        upserts=manifest.counts.upserts if manifest else 0,
        deletes=manifest.counts.deletes if manifest else 0,
        moves=manifest.counts.moves if manifest else 0,
        partitions=len(manifest.moves) if manifest else 0,
        rejected=manifest.counts.rejected if manifest else 0,
        window=_window(manifest),
        live=live,
    )
