"""The page of model: what the table holds after each attempt, told without the loader's own state.

It knows what each batch read, and what an operator asked for; of the records only which attempts were committed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tests.world import Row

Rows = Mapping[str, Row]
Days = frozenset[str]


@dataclass(frozen=True)
class Read:
    """What a batch read of some keys (None: not there), and the keys that it left to the next one."""

    rows: Mapping[str, Row | None]
    left: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Asked:
    """What an operator asked for. `days` None: the whole table. A rollback has a target."""

    verb: str
    days: Days | None = None
    target: int | None = None


@dataclass(frozen=True)
class Page:
    """The table as it stands. `held` holds None for the whole table."""

    rows: Rows
    held: frozenset[str | None] = frozenset()

    def after_batch(self, read: Read) -> "Page":
        """A change of a key whose old or new day is held waits whole."""
        rows = dict(self.rows)
        for key, row in read.rows.items():
            if key in read.left or self._waits(key, row):
                continue
            rows.pop(key, None)
            if row is not None:
                rows[key] = row
        return replace(self, rows=rows)

    def after(self, asked: Asked, pages: Mapping[int, "Page"]) -> "Page":
        if asked.verb == "resume":
            return replace(self, held=frozenset() if asked.days is None else self.held - asked.days)
        days: Iterable[str | None] = [None] if asked.days is None else asked.days
        rows = self.rows
        if asked.target is not None:
            then = pages[asked.target].rows
            if asked.days is None:
                rows = then
            else:
                days = tied(asked.days, then, self.rows)
                rows = _outside(self.rows, days) | _inside(then, days)
        return replace(self, rows=rows, held=self.held | frozenset(days))

    def _waits(self, key: str, row: Row | None) -> bool:
        old = self.rows.get(key)
        return any(side is not None and side[0] in self.held for side in (old, row))

    def is_behind(self, key: str, row: Row | None) -> bool:
        """Whether a hold may keep the key from being as its source has it."""
        return None in self.held or self._waits(key, row)


def tied(days: Days, then: Rows, now: Rows) -> Days:
    """The days, and those that a key lives in now and lived in elsewhere then."""
    while True:
        more = {
            day
            for key in then.keys() & now.keys()
            if {then[key][0], now[key][0]} & days
            for day in (then[key][0], now[key][0])
        }
        if more <= days:
            return days
        days |= more


def _inside(rows: Rows, days: Iterable[str | None]) -> dict[str, Row]:
    return {key: row for key, row in rows.items() if row[0] in days}


def _outside(rows: Rows, days: Iterable[str | None]) -> dict[str, Row]:
    return {key: row for key, row in rows.items() if row[0] not in days}
