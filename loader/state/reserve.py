"""A file that is only there to be deleted: room for what `clean` and `recover` must write before they can free any.

A directory may be deleted once it is on a durable list, and an attempt's leftovers once its outcome is stored. On a
disk that is wholly full neither can be written.
"""

import errno
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from loader.state.deleting import delete_object
from loader.state.open_table import Environment

log = logging.getLogger(__name__)

BYTES = 1 << 20
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

Done = TypeVar("Done")


def keep_reserve(env: Environment) -> None:
    """Make it if it is not there. Without room for it there is none."""
    with suppress(OSError):
        if not env.files.exists(env.layout.reserve):
            env.files.create(env.layout.reserve, secrets.token_bytes(BYTES))  # not zeros, which take no room on some


def with_room(env: Environment, work: Callable[[], Done]) -> Done:
    """What `work` gives; on a full disk it is begun anew with the reserve's room. It may have stopped anywhere."""
    try:
        return work()
    except OSError as error:
        if error.errno not in FULL or not _given_up(env):
            raise
        log.warning("the disk of %s is full: its reserve is given up", env.table)
        return work()


def _given_up(env: Environment) -> bool:
    try:
        delete_object(env.files, env.layout, env.layout.reserve)
    except OSError:
        return False
    return True
