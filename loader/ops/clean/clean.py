"""Collect old versions, off the hot path: what nobody can be reading and no rollback may want.

Under the lock the list is stored before anything is deleted, and a rollback refuses what is on it: so a cleaner that
sleeps past its lock's life and wakes up deletes nothing that a rollback has made live meanwhile.
"""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from loader.ops.clean.state_objects import FOLD_AT_LEAST, Forgotten, forget, preview_forget
from loader.state.claim import stranger_above
from loader.state.condemned import condemn
from loader.state.deleting import delete_adopted, delete_object, delete_tree, is_ours, is_version, remove_empty
from loader.state.lock import acquire, table_lock
from loader.state.open_table import Environment
from loader.state.reserve import keep_reserve, with_room
from loader.storage.files import Files, join
from partitioner.history.retention import Condemned, RetentionRules, condemned, forgotten_attempts
from partitioner.values import AttemptId

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What went, or, of a dry run, would go. `failed`: directories that could not be deleted; the next run tries.

    `foreign`: directories that a state object names, but that are not this table's: they are left alone.
    """

    directories: tuple[Condemned, ...]
    change_sets: int
    failed: tuple[str, ...] = ()
    forgotten: Forgotten = field(default_factory=Forgotten)
    foreign: tuple[str, ...] = ()


def preview_clean(env: Environment, rules: RetentionRules) -> Cleaned:
    """What a clean would do now. Changes nothing."""
    attempts = env.state.records().attempts
    forgotten = forgotten_attempts(attempts, rules, env.earliest_now())
    change_sets = sum(_has_changes(env, item) for item in forgotten)
    ours, foreign = _told_apart(env, _condemned(env, rules))
    return Cleaned(_still_there(env, ours), change_sets, (), preview_forget(env, rules), foreign)


def clean(env: Environment, rules: RetentionRules, fold_at_least: int = FOLD_AT_LEAST) -> Cleaned:
    """Delete what `preview_clean` shows. Raises LockHeld; an unsettled attempt stops it: nothing is deleted."""
    return with_room(env, lambda: _clean(env, rules, fold_at_least))


def _clean(env: Environment, rules: RetentionRules, fold_at_least: int) -> Cleaned:
    lock = table_lock(env)
    acquire(env, lock)
    try:
        if env.state.records().unsettled:
            return Cleaned((), 0)
        ours, foreign = _told_apart(env, _condemned(env, rules))
        items = _still_there(env, ours)
        if items:
            name = f"{env.clock():015d}-{env.identity.run}"
            condemn(env.files, env.layout, name, (item.location for item in items))
            lock.ensure()
        failed = tuple(item.location for item in items if not _deleted(env, item))
        change_sets = _delete_change_sets(env, rules)
        forgotten = forget(env, rules, lock.ensure, fold_at_least)
        keep_reserve(env)
        return Cleaned(items, change_sets, failed, forgotten, foreign)
    finally:
        lock.release()


def _condemned(env: Environment, rules: RetentionRules) -> tuple[Condemned, ...]:
    live = [partition.location for partition in env.metastore.all_partitions(env.table)]
    return condemned(env.state.records().attempts, rules, env.earliest_now(), live)


def _told_apart(env: Environment, items: Iterable[Condemned]) -> tuple[list[Condemned], tuple[str, ...]]:
    """Those that are this table's to delete, and the places of those that are there and are not."""
    ours: list[Condemned] = []
    foreign: list[str] = []
    for item in items:
        if _is_ours(env, item):
            ours.append(item)
        elif _is_there(env.files, item):
            log.warning(
                "%s is not %s's, though batch %s names it: it is left alone", item.location, env.table, item.batch
            )
            foreign.append(item.location)
    return ours, tuple(foreign)


def _is_ours(env: Environment, item: Condemned) -> bool:
    """A version directory of this table; or one that was adopted, and is not below what another table has claimed."""
    if item.files is None:
        return is_version(env.layout, item.location, len(env.partition_keys))
    return not is_ours(env.layout, item.location) and stranger_above(env.files, env.layout, item.location) is None


def _still_there(env: Environment, items: Iterable[Condemned]) -> tuple[Condemned, ...]:
    return tuple(item for item in items if _is_there(env.files, item))


def _is_there(files: Files, item: Condemned) -> bool:
    if item.files is None:
        return files.exists(item.location)
    return any(files.exists(join(item.location, name)) for name in item.files)


def _deleted(env: Environment, item: Condemned) -> bool:
    """An adopted directory may hold anything: of it only what was taken over goes."""
    location = item.location
    try:
        if item.files is not None:
            delete_adopted(env.files, item.location, item.files)
            return True
        delete_tree(env.files, env.layout, location)
    except OSError as error:
        log.warning("%s could not be deleted: %s", location, error)
        return False
    with suppress(OSError):  # the partition's folder of versions, once it is empty
        remove_empty(env.files, env.layout, location.rpartition("/")[0])
    return True


def _delete_change_sets(env: Environment, rules: RetentionRules) -> int:
    deleted = 0
    for attempt in forgotten_attempts(env.state.records().attempts, rules, env.earliest_now()):
        if _has_changes(env, attempt):
            delete_object(env.files, env.layout, env.layout.changes(attempt))
            deleted += 1
    return deleted


def _has_changes(env: Environment, attempt: AttemptId) -> bool:
    return env.files.exists(env.layout.changes(attempt))
