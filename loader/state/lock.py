"""The table's lock, as this run asks for it."""

from loader.state.open_table import Environment
from metastore.locks import TableLock


def acquire(env: Environment, lock: TableLock) -> None:
    """Take the lock, and hear the metastore's time from it. Raises LockHeld, NoReply."""
    lock.acquire()
    if env.witness is not None:
        env.witness.hear(env.metastore, env.table, lock.id, env.clock)


def table_lock(env: Environment) -> TableLock:
    """Not acquired yet. The agent string names this run, so that an orphan of ours is found and released."""
    return TableLock(
        env.metastore,
        env.table,
        user=env.identity.user,
        host=env.identity.host,
        agent=f"hotswap {env.identity.run}",
        wait_s=env.lock_wait,
        sleep=env.sleep,
    )
