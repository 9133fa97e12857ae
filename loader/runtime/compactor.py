"""Compaction of the key index beside the batches: none waits for a merge, and the next that finds one takes it up.

Segments never change, and a merged one says what its run says; so it may stand for that run in any later index. It is
valid only if a committed manifest names it. A run that ends before its next batch leaves its merge to the next run,
which finds it by its name (`partitioner/history/merged_segments.py`). One that no manifest came to name is deleted by
`clean`.
"""

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from loader.basics.beside import Beside, at_once
from partitioner.history.merged_segments import with_merged

if TYPE_CHECKING:
    from loader.state.open_table import Environment

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Compactor:
    """At most one merge at a time. `beside`: how it runs."""

    env: "Environment"
    beside: Beside = at_once
    under_way: bool = field(default=False, init=False)

    def after_batch(self, index: tuple[str, ...]) -> None:
        """Forget a merge that a manifest has taken up, or whose run is not in the index any more; begin the next."""
        if self.under_way or self.env.keystore is None:
            return
        ready = self.env.compacted.ready
        if ready is not None and with_merged(index, ready) != index:
            return
        self.env.compacted.ready = None
        self.env.keystore.close_others(index)
        self.under_way = True
        self.beside(lambda: self._compact(index))

    def _compact(self, index: tuple[str, ...]) -> None:
        """A failure leaves the index as it is, which is right, only longer."""
        env = self.env
        try:
            if env.keystore is not None:
                env.compacted.ready = env.keystore.compact(index)
        except (OSError, pa.ArrowException, MemoryError) as error:
            log.warning("the key index of %s is compacted later: %s", env.table, error)
        finally:
            self.under_way = False
