"""What the next window cannot see, noticed and owed: a long absence, a table that was truncated or made again."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

from loader.basics.moments import moment_text
from loader.basics.quantities import duration_text
from loader.sources.hbase.absence import Retention, retention_of
from loader.sources.hbase.access.api import HBaseClient
from loader.sources.hbase.table_identity import Sighting, sighting_of
from loader.sources.hbase.windows import Window
from loader.state.deleting import delete_object
from loader.state.gaps import Debt, owe
from loader.state.layout import Layout
from loader.state.names import names
from loader.state.objects import LARGE, create_object, read_object
from loader.storage.files import Files, join
from partitioner.history.position import Position

log = logging.getLogger(__name__)

AHEAD_MS = 60_000
"""A position that lies so little beyond now is read again from before, and nothing can be lost by that."""

Look = Callable[[], tuple[Sighting | None, Retention]]
"""The table as it is now, and how long it keeps what a raw scan shows."""


def look_at(connect: Callable[[], HBaseClient], table: str, families: Sequence[bytes]) -> Look:
    """Raises NoSuchTable, NoSuchFamily, TableDisabled, Unavailable."""

    def look() -> tuple[Sighting | None, Retention]:
        with connect() as client:
            client.check_table(table, families)
            settings = client.family_settings(table)
            return sighting_of(client, table), retention_of(settings.get(family, {}) for family in families)

    return look


@dataclass
class Blindspots:
    """Of one table and loader run. `allowed_ms`: an absence up to which the windows' own overlap answers for all."""

    files: Files
    layout: Layout
    source: str
    allowed_ms: int
    look: Look
    clock: Callable[[], int]
    _known: Sighting | None = field(default=None, init=False)
    _blind: bool = field(default=False, init=False)

    def after_scan(self, window: Window, settled: Position | None, newest: Position | None = None) -> bool:
        """Call it when a window has been read. False: read it again, for it was another table's before its end.

        `settled`: where the window starts; `newest`: the table's newest position, which may lie beyond now. What no
        window will ever show is recorded as a debt before anything is published. Raises what `look` raises.
        """
        self._ran_ahead(settled, newest)
        seen, retention = self.look()
        self._absence(window, settled, retention)
        if seen is None:
            self._cannot_tell()
            return True
        known = self._known or self._stored()
        replaced = known is not None and seen.replaces(known)
        if known is not None and replaced:
            self._owe(f"replaced {seen.oldest_ms}", _REPLACED, 0, seen.oldest_ms)
        self._remember(seen)
        return not replaced

    def _ran_ahead(self, settled: Position | None, newest: Position | None) -> None:
        """What was read by a clock that ran ahead is read again from before; what HBase has dropped since is not."""
        if newest is None or newest == settled or newest.read_ms - self.clock() <= AHEAD_MS:
            return
        reason = (
            f"a loader's clock ran ahead: it read up to {moment_text(newest.read_ms)}, and what was put since is read"
            " again from an earlier time"
        )
        self._owe(f"ahead {newest.read_ms}", reason, settled.low_ms if settled else 0, newest.read_ms)

    def _absence(self, window: Window, settled: Position | None, retention: Retention) -> None:
        limit = retention.absence_ms
        if settled is None or limit is None or window.empty:
            return
        away = window.end_ms - settled.read_ms
        if away > max(limit, self.allowed_ms):
            kept = f"{_about(limit)} for sure" if limit else "no time for sure"
            reason = (
                f"no window was read for {_about(away)}, and HBase keeps deletes and expired cells for"
                f" {kept} (hbase.hstore.time.to.purge.deletes, TTL)"
            )
            self._owe(f"away since {settled.read_ms}", reason, settled.low_ms, window.end_ms)

    def _owe(self, what: str, reason: str, start_ms: int, end_ms: int) -> None:
        debt = Debt(what, reason, self.source, self.clock(), start_ms, end_ms)
        if owe(self.files, self.layout, debt):
            log.warning("%s: %s. Run `hotswap reconcile`.", self.source, reason)

    def _cannot_tell(self) -> None:
        if not self._blind:
            log.warning("%s: hbase:meta may not be read, so a truncated table will not be noticed", self.source)
        self._blind = True

    def _stored(self) -> Sighting | None:
        known = names(self.files, self.layout, "sightings")
        path = join(self.layout.sightings, known[-1]) if known else ""
        return read_object(self.files, path, Sighting, _FORGET, LARGE) if known else None

    def _remember(self, seen: Sighting) -> None:
        """Written when a region or the table's state is new; older ones go. Forgetting one hides a replacement."""
        name = f"{seen.newest_ms:015d}-{seen.enabled_ms:015d}.json"
        older = [] if seen == self._known else names(self.files, self.layout, "sightings")
        if seen != self._known and name not in older:
            create_object(self.files, join(self.layout.sightings, name), asdict(seen))  # or another loader saw the same
            for each in older:
                delete_object(self.files, self.layout, join(self.layout.sightings, each))
        self._known = seen


def _about(milliseconds: float) -> str:
    """To the second, from two minutes on to the minute."""
    unit = 60 if milliseconds >= 120_000 else 1
    return duration_text(float(round(milliseconds / 1000 / unit) * unit))


_REPLACED = (
    "the HBase table was truncated, or dropped and made again: rows that went with the old one may still be in Hive"
)
_FORGET = (
    "Stop the loader and move it out of the state folder; a table that was truncated just then is found by"
    " `hotswap reconcile` only."
)
