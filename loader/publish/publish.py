"""Run the steps of one attempt, and leave nothing behind whichever of them fails."""

import logging
import sys
import time
from collections.abc import Callable, Sequence

from loader.basics.errors import HotswapError
from loader.publish.batch import Batch
from loader.publish.leftovers import delete_unpublished
from loader.publish.settling import delete_temporary
from loader.publish.steps import STEPS, Step
from metastore.errors import MetastoreError
from partitioner.history.manifest import Ending, Verdict
from partitioner.history.settling import Outcome

log = logging.getLogger(__name__)

Watch = Callable[[Batch, str], None]
"""Called with each step's name before it runs."""


def no_watch(batch: Batch, step: str) -> None:
    pass


def publish(batch: Batch, steps: Sequence[Step] = STEPS, watch: Watch = no_watch) -> Batch:
    """Carry out `steps`. Raises what they raise; a batch that never came to its swap is settled as aborted at once."""
    done = False
    try:
        for step in steps:
            watch(batch, step.__name__)
            started = time.perf_counter()
            step(batch)
            batch.seconds[step.__name__] = time.perf_counter() - started
            if batch.idle:
                break
        done = True
    finally:
        if not done:
            _give_up(batch)
        if batch.intent is not None:
            delete_temporary(batch.env, batch.intent.attempt)
        _unlock(batch)
    return batch


def _give_up(batch: Batch) -> None:
    """Nothing was sent: the attempt is aborted without asking anybody. After a send only reading may tell.

    Partitions that it added stay, empty: see settling.
    """
    if batch.intent is None or batch.swap_sent:
        return
    try:
        reason = f"stopped before its swap: {_first_line(sys.exception())}"
        ending = Ending(batch.intent.attempt, Verdict.ABORTED, batch.env.latest_now(), reason)
        batch.env.state.conclude(batch.intent.batch, ending)
    except (OSError, HotswapError) as error:
        log.warning("batch %s is left for the next run to settle: %s", batch.intent.batch, error)
        return
    delete_unpublished(batch.env, batch.intent.attempt)


def _first_line(error: BaseException | None) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _unlock(batch: Batch) -> None:
    """Without a fence the lock is kept while the outcome is unknown: it is all that keeps others off."""
    if batch.lock is None:
        return
    unfenced = batch.intent is not None and batch.intent.fence is None
    if batch.outcome is Outcome.UNKNOWN and unfenced:
        return
    try:
        batch.lock.release()
    except MetastoreError as error:
        log.warning("the lock on %s could not be released; it ends by itself: %s", batch.env.table, error)
