"""Another clock than ours: the metastore's, heard from the lock that we hold.

What is deleted for its age, and when a version stopped being live, must not hang on one machine's clock: one that ran
six hours ahead for a moment would delete what queries still read.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from metastore.api import Metastore, TableName
from metastore.errors import MetastoreError

log = logging.getLogger(__name__)

HEARD_FOR_S = 60.0
"""So long what was heard is carried on by a steady clock; then the metastore is asked again."""
APART_MS = 60_000
"""Clocks that differ by more are told of."""


@dataclass(slots=True)
class Witness:
    """What the metastore's clock said last. `steady`: seconds that no setting of the clock can change."""

    steady: Callable[[], float] = time.monotonic
    said_ms: int | None = None
    at_s: float = 0.0
    told: bool = field(default=False, init=False)

    def hear(self, metastore: Metastore, table: TableName, lock_id: int | None, clock: Callable[[], int]) -> None:
        """Ask when the metastore gave us this lock, just now. What it does not tell is no witness. `clock`: ours."""
        if self.said_ms is not None and self.steady() - self.at_s < HEARD_FOR_S:
            return
        at_s = self.steady()
        try:
            ours = [info for info in metastore.locks(table) if info.id == lock_id]
        except MetastoreError as error:
            log.debug("the metastore does not tell its time: %s", error)
            return
        if ours and ours[0].acquired_at is not None:
            self.said_ms, self.at_s = round(ours[0].acquired_at * 1000), at_s
            self._tell(table, clock)

    def now_ms(self) -> int | None:
        """The metastore's time now; None: it was never heard."""
        return None if self.said_ms is None else self.said_ms + round((self.steady() - self.at_s) * 1000)

    def _tell(self, table: TableName, clock: Callable[[], int]) -> None:
        ahead = clock() - (self.now_ms() or 0)
        if abs(ahead) > APART_MS and not self.told:
            how = "ahead of" if ahead > 0 else "behind"
            log.warning(
                "%s: this machine's clock is %s s %s the metastore's. Set the wrong one right: until then old versions"
                " stay longer, and a window may end too early or too late.",
                table,
                abs(ahead) // 1000,
                how,
            )
            self.told = True
