"""HBase as a loop has it: windows as batches of keys, the cells that were seen, what no window can show."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from loader.sources.api import Poll, RowReader
from loader.sources.hbase.backlog import Slice, slices_of
from loader.sources.hbase.blind_spots import Blindspots
from loader.sources.hbase.dirty_keys import DirtyKeys, IncompleteScan
from loader.sources.hbase.windows import Taken, reached_by
from loader.state.records import State

SCANS = 3
"""So often a window is read again in one poll, because the table was replaced meanwhile."""
MAX_KEYS = 1_000_000
"""Dirty keys a batch."""

Scan = Callable[[], DirtyKeys]
"""Reads one window, whose end it decides."""


def no_scan() -> DirtyKeys:
    raise RuntimeError("nothing says how a window of this source is read")


@dataclass(slots=True)
class _Pending:
    """What one scan found and is not published yet: its slices, `slices[0]` next. `rows`: of the table before them."""

    scanned: DirtyKeys
    slices: deque[Slice]
    rows: int
    deleted: int = 0


@dataclass(slots=True)
class HBaseSource:
    """Of one loader run. `scan`: set by whoever runs the loop, for Spark hands each window over with its trigger."""

    name: str
    reader: RowReader
    state: State
    clock: Callable[[], int]
    blindspots: Blindspots | None = None  # None: nobody looks at the table itself
    max_keys: int = MAX_KEYS
    scan: Scan = no_scan
    taken: Taken = field(default_factory=Taken)
    pending: _Pending | None = None
    rows: int = 0  # of the table when it was asked last what may be deleted, with nothing pending: before the next scan

    @property
    def behind(self) -> bool:
        return self.pending is not None

    @property
    def backlog(self) -> int:
        return sum(len(part.keys) for part in list(self.pending.slices)[1:]) if self.pending else 0

    def poll(self) -> Poll:
        """The next slice of the last scan; of a new one if there is none."""
        if self.pending is None:
            scanned = self._believed()
            keys = scanned.not_taken(self.taken)
            slices = slices_of(scanned.oldest(keys), scanned.window, self.max_keys)
            self.pending = _Pending(scanned, deque(slices), self.rows)
        part = self.pending.slices[0]
        return Poll(pa.array(part.keys, pa.binary()), part.window.position(self.name))

    def settled(self, deletes: int) -> None:
        """What the scan saw is taken once all of it is published."""
        pending = self.pending
        if pending is None:
            return
        pending.slices.popleft()
        pending.deleted += deletes
        if not pending.slices:
            pending.scanned.take(self.taken)
            self.pending = None

    def abandoned(self) -> None:
        """The next window begins where the last slice was settled."""
        self.pending = None

    def delete_share(self, most: float, rows: int) -> float:
        """The slices of one backlog have one share together, of the rows before the first of them."""
        if self.pending is None:
            self.rows = rows
        if self.pending is None or not self.pending.deleted:
            return most
        return max(0.0, (most * self.pending.rows - self.pending.deleted) / max(1, rows))

    def _believed(self) -> DirtyKeys:
        """A table that is truncated in mid-scan ends the scan early and without an error: then scan again."""
        newest, settled = self.state.position(), self.state.position(reached_by(self.clock()))
        for _ in range(SCANS):
            scanned = self.scan()
            if self.blindspots is None or self.blindspots.after_scan(scanned.window, settled, newest):
                return scanned
        raise IncompleteScan(f"the table of {self.name} is replaced again and again while it is read")
