"""What an attempt that never came to its swap leaves in the versions' folders: no reader was ever sent there."""

from contextlib import suppress

from loader.state.change_sets import load_change_set
from loader.state.open_table import Environment
from partitioner.values import AttemptId


def delete_unpublished(env: Environment, attempt: AttemptId) -> None:
    """Delete the version directories of `attempt`. Its change set, stored before any of them, names the partitions.

    Only when its swap was never sent. A loader that sleeps in the middle of such an attempt and wakes up finds its
    folders gone, and fails.
    """
    with suppress(OSError):
        for partition in load_change_set(env.files, env.layout, attempt).partitions:
            folder = env.layout.version(env.name_of(partition), attempt)
            if env.files.exists(folder):
                env.files.delete_tree(folder)
