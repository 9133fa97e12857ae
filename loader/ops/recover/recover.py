"""`recover`: settle what crashed, mend what a stale write has put back, and put wrong row counts right."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from loader.basics.quantities import counted
from loader.report import reports
from loader.state.open_table import Environment
from partitioner.history.manifest import Verdict

if TYPE_CHECKING:
    from loader.publish.settling import Settlement


def recover(env: Environment, believe_old: bool) -> tuple[reports.Settled, ...]:
    """`believe_old`: an attempt without fence that is not live is taken for aborted."""
    from loader.ops.recover.relabel import relabel  # noqa: PLC0415 - brings pyarrow
    from loader.ops.recover.stale_writes import repair  # noqa: PLC0415
    from loader.state.reserve import with_room  # noqa: PLC0415

    settled = with_room(env, lambda: _settle(env, believe_old))
    found = [reports.Settled(item.batch, item.attempt, told(item.verdict), item.reason) for item in settled]
    found += _repaired(env, repair, "that a stale write had put back")
    found += _repaired(env, relabel, "whose row count or attempt was wrong in the metastore")
    return tuple(found)


def _settle(env: Environment, believe_old: bool) -> "tuple[Settlement, ...]":
    from loader.publish.settling import settle_all  # noqa: PLC0415
    from loader.state.lock import acquire, table_lock  # noqa: PLC0415

    lock = table_lock(env)
    acquire(env, lock)
    try:
        settled = settle_all(env, over=believe_old)
        env.fences.drop_others()
    finally:
        lock.release()
    return settled


def _repaired(env: Environment, repair: Callable[[Environment], Sequence[object]], what: str) -> list[reports.Settled]:
    before = len(env.state.records().attempts)
    partitions = len(repair(env))
    reason = f"mended {counted(partitions, 'partition')} {what}"
    attempts = env.state.records().attempts[before:] if partitions else ()
    return [reports.Settled(item.intent.batch, item.intent.attempt, "committed", reason) for item in attempts]


def told(verdict: Verdict) -> Literal["committed", "aborted"]:
    return "committed" if verdict is Verdict.COMMITTED else "aborted"
