"""Another clock than ours: the metastore's, heard from the lock that we hold.

What is deleted for its age, and when a version stopped being live, must not hang on one machine's clock: one that ran
six hours ahead for a moment would delete what queries still read.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from metastore.errors import MetastoreError

if TYPE_CHECKING:
    from loader.state.open_table import Environment

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

    def hear(self, env: "Environment", lock_id: int | None) -> None:
        """Ask when the metastore gave us this lock, just now. What it does not tell is no witness."""
        if self.said_ms is not None and self.steady() - self.at_s < HEARD_FOR_S:
            return
        at_s = self.steady()
        try:
            ours = [info for info in env.metastore.locks(env.table) if info.id == lock_id]
        except MetastoreError as error:
            log.debug("the metastore does not tell its time: %s", error)
            return
        if ours and ours[0].acquired_at is not None:
            self.said_ms, self.at_s = round(ours[0].acquired_at * 1000), at_s
            self._tell(env)

    def now_ms(self) -> int | None:
        """The metastore's time now; None: it was never heard."""
        return None if self.said_ms is None else self.said_ms + round((self.steady() - self.at_s) * 1000)

    def _tell(self, env: "Environment") -> None:
        ahead = env.clock() - (self.now_ms() or 0)
        if abs(ahead) > APART_MS and not self.told:
            how = "ahead of" if ahead > 0 else "behind"
            log.warning(
                "%s: this machine's clock is %s s %s the metastore's. Set the wrong one right: until then old versions"
                " stay longer, and a window may end too early or too late.",
                env.table,
                abs(ahead) // 1000,
                how,
            )
            self.told = True


def latest_now(env: "Environment") -> int:
    """Now by whichever clock is ahead: when something ended at the latest, in ms."""
    heard = env.witness.now_ms() if env.witness else None
    return env.clock() if heard is None else max(env.clock(), heard)


def earliest_now(env: "Environment") -> int:
    """Now by whichever clock is behind: no age is overestimated by it as long as one of the two is right, in ms."""
    heard = env.witness.now_ms() if env.witness else None
    return env.clock() if heard is None else min(env.clock(), heard)
