"""Settle attempts that have no outcome: drop their fence, read the live locations, store what they say.

Only under the table's lock. Nothing here decides: `partitioner.settle` holds the table.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from loader.errors import Damage, ForeignChange, OutcomeUnknown
from loader.publish.environment import Environment
from metastore.api import Partition
from partitioner.history import Attempt, TableState
from partitioner.manifest import Ending, Manifest, Verdict
from partitioner.settle import Foreign, LiveLocations, Mixed, Outcome, observe
from partitioner.values import AttemptId, PartitionValues, same_location

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


def settle_all(env: Environment) -> tuple[Settlement, ...]:
    """Settle every unsettled attempt, oldest first. Raises Damage, ForeignChange or OutcomeUnknown."""
    settled = []
    for attempt in env.state.records().unsettled:
        settled.append(settle_attempt(env, attempt))
    return tuple(settled)


def settle_attempt(env: Environment, attempt: Attempt, why: str = "") -> Settlement:
    """Settle one attempt. `why`: what is known of how it failed, for the history."""
    fenced = _drop_fence(env, attempt)
    if attempt.manifest is None:
        return _conclude(env, attempt, Verdict.ABORTED, why or "ended before its manifest")
    verdict = _verdict(env, attempt.manifest, env.state.records().state)
    if verdict is Outcome.COMMITTED:
        return _conclude(env, attempt, Verdict.COMMITTED, "")
    if not fenced:
        raise OutcomeUnknown(
            f"batch {attempt.intent.batch} of {env.table} is not live, but it has no fence: its swap could still land",
            "Wait until the metastore has no call of it under way, then run `hotswap recover --believe-old`.",
        )
    drop_pre_added(env, attempt.manifest)
    return _conclude(env, attempt, Verdict.ABORTED, why or "its swap did not land")


def _drop_fence(env: Environment, attempt: Attempt) -> bool:
    """Whether the attempt's late call, if there is one, is sure to fail from now on."""
    if attempt.intent.fence is None:
        return attempt.manifest is None or not attempt.manifest.moves
    env.fences.drop(attempt.intent.fence)
    return True


def _conclude(env: Environment, attempt: Attempt, verdict: Verdict, reason: str) -> Settlement:
    ending = env.state.conclude(attempt.intent.batch, Ending(attempt.intent.attempt, verdict, env.clock(), reason))
    if ending.verdict is not verdict:
        raise Damage(
            f"batch {attempt.intent.batch} of {env.table} is recorded as {ending.verdict}, but the metastore says"
            f" {verdict}",
            "Stop all loaders of this table and run `hotswap recover`.",
        )
    delete_temporary(env, attempt.intent.attempt)
    log.info("batch %s of %s settled: %s %s", attempt.intent.batch, env.table, verdict, reason)
    return Settlement(attempt.intent.batch, attempt.intent.attempt, verdict, reason)


def delete_temporary(env: Environment, attempt: AttemptId) -> None:
    """A task that still runs may leave another file there; nothing ever reads it."""
    folder = env.layout.temporary(attempt)
    with suppress(OSError):
        if env.files.exists(folder):
            env.files.delete_tree(folder)


def _verdict(env: Environment, manifest: Manifest, now: TableState) -> Outcome:
    """COMMITTED or NOT_COMMITTED. Mixed locations are read again before they are called damage."""
    judged = observe(live_locations(env, manifest), manifest, now)
    for _ in range(READS_BEFORE_DAMAGE - 1):
        if isinstance(judged, Outcome):
            break
        env.sleep(PAUSE_BETWEEN_READS_S)
        judged = observe(live_locations(env, manifest), manifest, now)
    if isinstance(judged, Mixed):
        raise _damage(env, manifest, judged)
    if isinstance(judged, Foreign):
        raise foreign_change(env, judged.found, judged.expected)
    return judged


def live_locations(env: Environment, manifest: Manifest) -> LiveLocations:
    partitions = env.metastore.partitions(env.table, [move.partition for move in manifest.moves])
    return {partition.values: partition.location for partition in partitions}


def drop_pre_added(env: Environment, manifest: Manifest) -> None:
    """Drop the partitions that the attempt added and that still point at its own empty version."""
    added = {move.partition: move.placeholder for move in manifest.moves if move.placeholder}
    for partition in env.metastore.partitions(env.table, sorted(added)):
        if _points_at(partition, added[partition.values]):
            env.metastore.drop_partition(env.table, partition.values)


def _points_at(partition: Partition, location: str | None) -> bool:
    return location is not None and same_location(partition.location, location)


def _damage(env: Environment, manifest: Manifest, mixed: Mixed) -> Damage:
    lines = [f"  {env.name_of(partition)}: new" for partition in mixed.new[:10]]
    lines += [f"  {env.name_of(partition)}: old" for partition in mixed.old[:10]]
    return Damage(
        f"batch {manifest.batch} of {env.table} is live in {len(mixed.new)} of its partitions and not in"
        f" {len(mixed.old)}:\n" + "\n".join(lines),
        "Nothing that this loader does leaves such a state. Stop writers of this table; see docs/operate.md, Damage.",
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


def locations(partitions: Sequence[Partition]) -> dict[PartitionValues, str]:
    return {partition.values: partition.location for partition in partitions}
