"""The memory of what was published lately, filled from the committed change sets of this loader and any other."""

import logging

from loader.basics.errors import Damage
from loader.state.change_sets import load_change_set
from loader.state.layout import Layout
from loader.state.records import Records
from loader.storage.files import Files
from partitioner.changes.unchanged import Recent
from partitioner.history.kinds import Kind
from partitioner.history.table_state import Attempt
from partitioner.values import AttemptId

log = logging.getLogger(__name__)

MOST_ROWS = 500_000
"""Rows remembered; a larger change set is not loaded. Forgetting costs work, never a row."""


class Recently:
    """Of one loader run. `refresh` under the table's lock, before it is asked."""

    def __init__(self, files: Files, layout: Layout) -> None:
        self._files, self._layout = files, layout
        self._seen = 0
        self._recent = Recent()

    def refresh(self, records: Records) -> Recent:
        """Take in every batch that was committed since the last call."""
        low = _low(records)
        for attempt in _since(records, self._seen):
            self._take(attempt, low)
            self._seen = attempt.intent.batch
        self._recent = self._recent.since(low)
        return self._recent

    def _take(self, attempt: Attempt, low: int) -> None:
        manifest = attempt.manifest
        if manifest is None or not attempt.committed:
            return
        counted = manifest.counts.upserts + manifest.counts.deletes
        until = manifest.position.read_ms if manifest.position else low
        if manifest.kind in (Kind.REPAIR, Kind.HOLD, Kind.DROP):
            return  # the same versions as before
        if manifest.kind is not Kind.BATCH or counted + len(self._recent) > MOST_ROWS:
            self._recent = Recent()
        elif counted:
            self._recent = self._after(manifest.attempt, until)

    def _after(self, attempt: AttemptId, until: int) -> Recent:
        try:
            return self._recent.after(load_change_set(self._files, self._layout, attempt), until)
        except Damage as error:
            log.warning("%s: what was published lately is forgotten", error)
            return Recent()


def _since(records: Records, seen: int) -> list[Attempt]:
    """Attempts after batch `seen`; at the first call only those whose windows may be read again."""
    low = _low(records)
    return [attempt for attempt in records.attempts if attempt.intent.batch > seen and _may_recur(attempt, low)]


def _may_recur(attempt: Attempt, low: int) -> bool:
    """A rebuild's position lies before those of batches that it replaced: it counts however old that is."""
    position = attempt.manifest.position if attempt.manifest else None
    return position is None or position.read_ms > low or attempt.intent.kind is Kind.REBUILD


def _low(records: Records) -> int:
    position = records.state.position
    return position.low_ms if position else 0
