"""Settle attempts that have no outcome: drop their fence, read the live partitions, store what they say.

Only under the table's lock. Nothing here decides: `partitioner.history.settling` holds the table.

A partition that an attempt added before its swap is left as it is, empty: a drop that lands late would take away what
a successor has published there meanwhile. The next batch with rows for it takes it over.
"""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from loader.basics.errors import RUNBOOK, Damage, ForeignChange, OutcomeUnknown
from loader.publish.leftovers import delete_unpublished
from loader.publish.parameters import ATTEMPT
from loader.state.deleting import delete_tree
from loader.state.open_table import Environment
from loader.state.records import Records
from metastore.api import Partition
from partitioner.history.manifest import Ending, Manifest, Verdict
from partitioner.history.settling import Foreign, Judgement, Mixed, Outcome, observe
from partitioner.history.stale_writes import Sighting, Sightings
from partitioner.history.table_state import Attempt
from partitioner.values import AttemptId, PartitionValues

log = logging.getLogger(__name__)

READS_BEFORE_DAMAGE = 3
PAUSE_BETWEEN_READS_S = 0.5


@dataclass(frozen=True, slots=True)
class Settlement:
    """One attempt that was settled, and what it came to."""

    batch: int
    attempt: str
    verdict: Verdict
    reason: str


def settle_all(env: Environment, over: bool = False) -> tuple[Settlement, ...]:
    """Settle every unsettled attempt, oldest first; `over` as below. Raises Damage, ForeignChange, OutcomeUnknown."""
    return tuple([settle_attempt(env, attempt, over=over) for attempt in env.state.records().unsettled])


def settle_attempt(env: Environment, attempt: Attempt, why: str = "", over: bool = False) -> Settlement:
    """Settle one attempt. `why`: what is known of how it failed, for the history. `over`: its swap is known to be
    neither on its way nor under way, so that it needs no fence.
    """
    if attempt.intent.fence is not None:
        env.fences.drop(attempt.intent.fence)
    attempt, judged = _looked_at(env, attempt)
    if attempt.ending is not None:
        return _settled(attempt, attempt.ending)
    if attempt.manifest is None:
        settlement = _conclude(env, attempt, Verdict.ABORTED, why or "ended before its manifest")
        delete_unpublished(env, attempt.intent.attempt)
        return settlement
    if isinstance(judged, Mixed):
        raise _damage(env, attempt.manifest, judged)
    if isinstance(judged, Foreign):
        raise foreign_change(env, judged.found, judged.expected)
    if judged is Outcome.COMMITTED:
        return _conclude(env, attempt, Verdict.COMMITTED, "")
    if not over and (attempt.intent.fence is None or attempt.manifest.dropped):
        raise _could_land(env, attempt.manifest)
    return _conclude(env, attempt, Verdict.ABORTED, why or "its swap did not land")


def _looked_at(env: Environment, attempt: Attempt) -> tuple[Attempt, Judgement]:
    """The attempt as it is on record now, and what the live partitions say of it.

    Its writer may have gone on until its fence fell, or another may have settled it. What looks like damage or a
    foreign change is looked at again, and so is a drop that has not landed: it may be under way.
    """
    for pause in (*[PAUSE_BETWEEN_READS_S] * (READS_BEFORE_DAMAGE - 1), 0.0):
        records = env.state.records()
        attempt = records.attempt(attempt.intent.batch) or attempt
        judged = _judge(env, attempt, records)
        drops = attempt.ending is None and attempt.manifest is not None and attempt.manifest.dropped
        if judged is Outcome.COMMITTED or (isinstance(judged, Outcome) and not drops):
            break
        env.sleep(pause)
    return attempt, judged


def _judge(env: Environment, attempt: Attempt, records: Records) -> Judgement:
    if attempt.ending is not None or attempt.manifest is None:
        return Outcome.NOT_COMMITTED
    return observe(live_partitions(env, attempt.manifest), attempt.manifest, records.state, records.attempts)


def _settled(attempt: Attempt, ending: Ending) -> Settlement:
    return Settlement(attempt.intent.batch, attempt.intent.attempt, ending.verdict, ending.reason)


def _conclude(env: Environment, attempt: Attempt, verdict: Verdict, reason: str) -> Settlement:
    ending = env.state.conclude(attempt.intent.batch, Ending(attempt.intent.attempt, verdict, env.latest_now(), reason))
    moves = attempt.manifest.moves if attempt.manifest else ()
    if verdict is Verdict.COMMITTED and ending.verdict is not verdict and moves:
        raise Damage(
            f"batch {attempt.intent.batch} of {env.table} is live, but another loader has settled it as aborted",
            "Stop all loaders of this table and run `hotswap recover`.",
        )
    delete_temporary(env, attempt.intent.attempt)
    if verdict is Verdict.ABORTED and attempt.manifest is not None:
        for partition in attempt.manifest.dropped:  # it stays, so that its placeholder has to
            env.files.make_dirs(env.layout.placeholder(env.name_of(partition)))
    log.info("batch %s of %s settled: %s %s", attempt.intent.batch, env.table, ending.verdict, ending.reason)
    return _settled(attempt, ending)


def delete_temporary(env: Environment, attempt: AttemptId) -> None:
    """A task that still runs may leave another file there; nothing ever reads it."""
    with suppress(OSError):
        delete_tree(env.files, env.layout, env.layout.temporary(attempt))


def live_partitions(env: Environment, manifest: Manifest) -> Sightings:
    touched = [*(move.partition for move in manifest.moves), *manifest.dropped]
    return sightings(env.metastore.partitions(env.table, touched))


def sightings(partitions: Iterable[Partition]) -> Sightings:
    return {p.values: Sighting(p.location, p.parameters.get(ATTEMPT)) for p in partitions}


def _could_land(env: Environment, manifest: Manifest) -> OutcomeUnknown:
    """A swap without fence; or a drop, fence or not.

    A server looks once whether all partitions of a drop are there, and then deletes what it finds: the fence refuses
    one that comes late, but not one that has looked (seen on 3.1.3 and 4.0.1, on Derby and on PostgreSQL).
    """
    what = f"batch {manifest.batch} of {env.table} is not live, but it has no fence: its swap"
    if manifest.dropped:
        what = f"batch {manifest.batch} of {env.table} has not dropped its empty partitions, but its call"
    return OutcomeUnknown(
        f"{what} could still land",
        f"Make sure that the metastore has no call of it under way (restart it, or wait out its longest call),"
        f" then run `hotswap recover {env.table} --believe-old`.",
    )


def _damage(env: Environment, manifest: Manifest, mixed: Mixed) -> Damage:
    lines = [f"  {env.name_of(partition)}: new" for partition in mixed.new[:10]]
    lines += [f"  {env.name_of(partition)}: old" for partition in mixed.old[:10]]
    return Damage(
        f"batch {manifest.batch} of {env.table} is live in {len(mixed.new)} of its partitions and not in"
        f" {len(mixed.old)}:\n" + "\n".join(lines),
        f"Nothing that this loader does leaves such a state. Stop writers of this table; see {RUNBOOK}, Damage.",
    )


def foreign_change(
    env: Environment,
    found: dict[PartitionValues, str | None],
    expected: dict[PartitionValues, str | None],
) -> ForeignChange:
    """The error for partitions that somebody else moved, added or dropped."""
    lines = [
        f"  {env.name_of(partition)}: expected {expected.get(partition) or 'no partition'},"
        f" found {location or 'no partition'}"
        for partition, location in sorted(found.items())[:10]
    ]
    more = [f"  and {len(found) - 10} more"] if len(found) > 10 else []
    return ForeignChange(
        f"{len(found)} partition(s) of {env.table} were changed by somebody else:\n" + "\n".join([*lines, *more]),
        "Nothing was overwritten. Put the partition back with ALTER TABLE … SET LOCATION, or find out who writes here.",
    )
