"""What an attempt that never came to its swap leaves in the versions' folders: no reader was ever sent there."""

import logging
from contextlib import suppress

from loader.basics.errors import Damage
from loader.state.change_sets import load_change_set
from loader.state.deleting import delete_tree
from loader.state.open_table import Environment
from partitioner.values import AttemptId

log = logging.getLogger(__name__)


def delete_unpublished(env: Environment, attempt: AttemptId) -> None:
    """Delete the version directories of `attempt`. Its change set, stored before any of them, names the partitions.

    Only when its swap was never sent. A loader that sleeps in the middle of such an attempt and wakes up finds its
    folders gone, and fails.
    """
    try:
        for partition in load_change_set(env.files, env.layout, attempt).partitions:
            with suppress(FileNotFoundError):
                delete_tree(env.files, env.layout, env.layout.version(env.name_of(partition), attempt))
    except FileNotFoundError:  # it wrote no change set, and so no version
        return
    except (Damage, OSError) as error:
        log.warning("what attempt %s of %s has left cannot be deleted: %s", attempt, env.table, error)
