"""How far the state log may be folded into one object, and which other state objects nothing needs any more. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from partitioner.history.kinds import Kind
from partitioner.history.manifest import Counts, Ending, Intent, Manifest, PartitionMove, Verdict
from partitioner.history.merged_segments import Compaction
from partitioner.history.retention import RetentionRules, forgotten_attempts
from partitioner.history.table_state import Attempt, Folded, TableState
from partitioner.values import AttemptId


@dataclass(frozen=True, slots=True)
class Leftover:
    """A directory that the log must still tell of while it exists: `batch` is the attempt that left it."""

    location: str
    batch: int


def forgettable(attempts: Sequence[Attempt], rules: RetentionRules, now_ms: int) -> tuple[Attempt, ...]:
    """The oldest attempts, without a gap, whose change sets nothing needs any more."""
    forgotten = frozenset(forgotten_attempts(attempts, rules, now_ms))
    count = next((n for n, a in enumerate(attempts) if a.intent.attempt not in forgotten), len(attempts))
    return tuple(attempts[:count])


def leftovers(attempts: Iterable[Attempt]) -> tuple[Leftover, ...]:
    """What these attempts replaced, added before a swap, or wrote for a swap that never came."""
    found: list[Leftover] = []
    live: dict[tuple[str, ...], str] = {}
    for attempt in attempts:
        number = attempt.intent.batch
        for move in attempt.manifest.moves if attempt.manifest else ():
            found += [Leftover(move.placeholder, number)] if move.placeholder else []
            if not attempt.committed:
                found.append(Leftover(move.new.location, number))
                continue
            before = live.get(move.partition)
            found += [Leftover(before, number)] if before is not None else []
            live[move.partition] = move.new.location
        for partition in attempt.manifest.dropped if attempt.manifest and attempt.committed else ():
            before = live.pop(partition, None)
            found += [Leftover(before, number)] if before is not None else []
    kept = frozenset(live.values())
    return tuple(item for item in found if item.location not in kept)


def horizon(attempts: Sequence[Attempt], there: Iterable[Leftover]) -> Attempt | None:
    """The last committed attempt that may be folded. `attempts`: forgettable ones; `there`: leftovers that exist.

    The newest attempt of all must not be among them: by the gap before it a reader knows that history was folded.
    """
    first = min((item.batch for item in there), default=None)
    committed = [a for a in attempts if a.committed and (first is None or a.intent.batch < first)]
    return committed[-1] if committed else None


def folded_attempt(
    batch: int, attempt: str, committed_ms: int, state: TableState, quarantined: Mapping[str, Mapping[str, Any]]
) -> Attempt:
    """All history up to `batch` as one attempt: it moved every partition to where it was then."""
    return Attempt(
        Intent(batch, AttemptId(attempt), Kind.FOLDED, "", None, committed_ms),
        Manifest(
            batch=batch,
            attempt=AttemptId(attempt),
            kind=Kind.FOLDED,
            fence=None,
            recorded_ms=committed_ms,
            moves=tuple(PartitionMove(partition, None, version) for partition, version in sorted(state.live.items())),
            index=state.index,
            counts=Counts(),
            position=state.position,
            definition=state.definition,
            rule=state.rule,
        ),
        Ending(AttemptId(attempt), Verdict.COMMITTED, committed_ms),
        Folded(state, quarantined),
    )


def needed_segments(attempts: Iterable[Attempt]) -> frozenset[str]:
    """The index segments of every state that a rollback may go back to. The first attempt may be a folded one."""
    return frozenset(
        name for attempt in attempts if attempt.committed and attempt.manifest for name in attempt.manifest.index
    )


def unneeded_segments(
    names: Iterable[str], attempts: Collection[Attempt], pending: Compaction | None
) -> tuple[str, ...]:
    """Deltas of aborted attempts, segments that were merged into larger ones, and merges that nobody took up.

    `pending`: the merge that the next batch is to take up.
    """
    kept = needed_segments(attempts) | ({pending.merged} if pending else frozenset())
    return tuple(sorted(name for name in names if name not in kept))
