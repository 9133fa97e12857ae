"""State objects that nothing needs any more go with the directories that they tell of. Part of clean, under its lock.

The state log is folded: all history that no rollback can reach becomes one object, and a loader's start reads that.
Key index segments that were merged or belong to aborted attempts, merges that no manifest took up, change sets, key
sets, quarantined rows and fences of what is folded are deleted.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from loader.state.condemned import condemn, condemned_in
from loader.state.deleting import delete_object
from loader.state.names import names, number_of
from loader.state.open_table import Environment
from loader.state.quarantine import quarantined
from loader.storage.files import join
from metastore.fence import fence_values
from partitioner.history.folding import forgettable, horizon, leftovers, unneeded_segments
from partitioner.history.merged_segments import best_merge
from partitioner.history.retention import RetentionRules

log = logging.getLogger(__name__)

FOLD_AT_LEAST = 64
"""Attempts: the object that they are folded into names every live file, so that few do not pay."""
EPOCHS_KEPT = 1000
"""Newest epochs that stay: their names are never given out again, also not by a loader that slept."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """State objects that went, or, of a preview, would go. `attempts`: folded into one object."""

    attempts: int = 0
    objects: int = 0


def preview_forget(env: Environment, rules: RetentionRules, fold_at_least: int = FOLD_AT_LEAST) -> Forgotten:
    """What of the history may be folded, and the index segments that may go now. Changes nothing."""
    attempts = env.state.records().attempts
    last = _horizon(env, rules)
    folds = sum(1 for attempt in attempts if last is not None and attempt.intent.batch <= last)
    return Forgotten(folds if folds >= fold_at_least else 0, len(_segments(env)))


def forget(
    env: Environment, rules: RetentionRules, ensure: Callable[[], None], fold_at_least: int = FOLD_AT_LEAST
) -> Forgotten:
    """Under the table's lock and with nothing unsettled. `ensure` asks that the lock is still ours."""
    folded = _fold(env, rules, ensure, fold_at_least)
    gone = _delete_segments(env, ensure)
    gone += _delete(env, _of_folded(env, _folded_to(env)))
    _delete_fences(env)
    gone += _delete(env, _past_lists(env))
    return Forgotten(folded, gone)


def _fold(env: Environment, rules: RetentionRules, ensure: Callable[[], None], fold_at_least: int) -> int:
    attempts = env.state.records().attempts
    number = _horizon(env, rules)
    prefix = [attempt for attempt in attempts if number is not None and attempt.intent.batch <= number]
    if len(prefix) < fold_at_least:
        env.state.sweep()
        return 0
    waiting = quarantined(env.files, env.layout, prefix)
    ensure()
    return env.state.fold(prefix[-1], waiting)


def _horizon(env: Environment, rules: RetentionRules) -> int | None:
    """The batch up to which all may be folded; the newest attempt stays."""
    prefix = forgettable(env.state.records().attempts[:-1], rules, env.earliest_now())
    there = (item for item in leftovers(prefix) if env.files.exists(item.location))
    last = horizon(prefix, there)
    return last.intent.batch if last else None


def _segments(env: Environment) -> tuple[str, ...]:
    records, stored = env.state.records(), _names(env, "index")
    return unneeded_segments(stored, records.attempts, best_merge(stored, records.state.index))


def _delete_segments(env: Environment, ensure: Callable[[], None]) -> int:
    """Condemned first: a loader that has merged some of them may be about to name the merge."""
    places = [env.layout.index_segment(name) for name in _segments(env)]
    if places:
        condemn(env.files, env.layout, f"{env.clock():015d}-{env.identity.run}-segments", places)
        ensure()
    return _delete(env, places)


def _folded_to(env: Environment) -> int:
    first = next(iter(env.state.records().attempts), None)
    return first.intent.batch if first is not None and first.folded is not None else 0


def _of_folded(env: Environment, last: int) -> list[str]:
    """Change sets, key sets and quarantined rows of attempts that are folded: what is still wanted is elsewhere."""
    records = env.state.records()
    first = records.attempts[0].folded if records.attempts else None
    states = [records.state, *([first.state] if first else [])]  # a log may go back to what is folded
    wanted = {aside.name for state in states for aside in (*state.deferred, *state.released)}
    return [
        join(env.layout.state, kind, name)
        for kind in ("changes", "keys", "quarantine")
        for name in _names(env, kind)
        if name not in wanted and 0 < _attempt_number(name) <= last
    ]


def _attempt_number(name: str) -> int:
    """Of an object named by its attempt, `b0000000041-…`; 0 for any other."""
    digits = name.partition("-")[0][1:]
    return int(digits) if name.startswith("b") and digits.isdigit() else 0


def _delete_fences(env: Environment) -> None:
    """Empty folders of fences that are no partition any more; and old epochs, whose names are long used up."""
    numbers = [number_of(name) for name in _names(env, "epochs")]
    if not numbers:
        return
    live = frozenset(env.metastore.partition_names(env.table))
    for number in numbers:
        values = fence_values(env.partition_keys, number)
        if values is None or values in live or values == env.fences.own:
            continue
        with suppress(OSError):
            env.fences.remove_folders(values)
        if number <= numbers[-1] - EPOCHS_KEPT:
            _delete(env, [env.layout.epoch(number)])


def _past_lists(env: Environment) -> list[str]:
    """Lists of condemned directories none of which is there any more: nobody can roll back to what does not exist."""
    lists = [join(env.layout.condemned, name) for name in _names(env, "condemned")]
    return [path for path in lists if not any(map(env.files.exists, condemned_in(env.files, path)))]


def _names(env: Environment, kind: str) -> list[str]:
    return names(env.files, env.layout, kind)


def _delete(env: Environment, paths: Iterable[str]) -> int:
    """How many went; the next clean tries those again that did not."""
    gone = 0
    for path in paths:
        try:
            delete_object(env.files, env.layout, path)
            gone += 1
        except OSError as error:
            log.warning("%s could not be deleted: %s", path, error)
    return gone
