"""Dirty keys: what a window's scan found, from every part of the key space, and the proof that no part is missing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from loader.basics.errors import SourceError
from loader.basics.printable import printable
from loader.sources.hbase.windows import Mark, Taken, Window

DIRTY, MARKER = 0, 1
"""Kinds of scanned rows: the cells of one row and one timestamp; the proof that one part of the key space was read."""

SCANNED = pa.schema(
    [
        pa.field("kind", pa.int32(), nullable=False),  # DIRTY or MARKER
        pa.field("key", pa.binary(), nullable=False),  # DIRTY: row key; MARKER: first key of the part
        pa.field("stop", pa.binary()),  # MARKER: end of the part, exclusive; empty = the end of the table
        pa.field("version", pa.int64()),  # DIRTY: the timestamp in ms
        pa.field("fingerprint", pa.int64()),  # DIRTY: hash of those cells; null: nothing will compare them
        pa.field("start_ms", pa.int64()),  # MARKER, and so on: the window
        pa.field("end_ms", pa.int64()),
        pa.field("low_ms", pa.int64()),
        pa.field("deep", pa.bool_()),
    ]
)
"""What scanning tasks yield: a DIRTY row for each key and timestamp (one for all before `marks_from_ms`)."""


class IncompleteScan(SourceError):
    """Some part of the key space was not read, or was read in another window; nothing may be published from it."""

    default_hint = "Nothing was taken: the next run reads the same window again. If it stays, report it."


@dataclass(frozen=True, slots=True)
class DirtyKeys:
    """Every row that has a cell or a delete marker in `window`.

    `keys`: binary, sorted, unique. `marks`: key → its cells in the window, hashed by timestamp (see `windows.Taken`).
    `unmarked`: the keys that also have cells too old to be remembered, each with the timestamp of one of them.
    """

    keys: pa.Array
    marks: Mapping[bytes, frozenset[Mark]]
    unmarked: Mapping[bytes, int]
    window: Window

    def not_taken(self, taken: Taken) -> list[bytes]:
        """The keys to be read again, sorted: those whose cells the last batches did not take."""
        return sorted({*self.unmarked, *taken.new(self.marks, self.window)})

    def oldest(self, keys: Iterable[bytes]) -> dict[bytes, int]:
        """Of each key a cell's timestamp in the window, the oldest that is known; its start where none is left."""
        return {key: self._oldest(key) for key in keys}

    def _oldest(self, key: bytes) -> int:
        if key in self.unmarked:
            return self.unmarked[key]
        return min((timestamp for timestamp, _ in self.marks.get(key, ())), default=self.window.start_ms)

    def take(self, taken: Taken) -> None:
        """The batch made of these keys has committed."""
        taken.promote(self.marks, self.window)


def marker(start: bytes, stop: bytes, window: Window) -> dict[str, object]:
    """The MARKER row of a part: an empty part is proof, not silence."""
    return {
        "kind": MARKER,
        "key": start,
        "stop": stop,
        "version": None,
        "fingerprint": None,
        "start_ms": window.start_ms,
        "end_ms": window.end_ms,
        "low_ms": window.low_ms,
        "deep": window.deep,
    }


def dirty_keys_from_rows(rows: pa.Table) -> DirtyKeys:
    """Put together what all scanning tasks yielded (schema `SCANNED`, any order).

    Raises `IncompleteScan` if the markers leave a gap in the key space or do not name one and the same window.
    """
    markers = rows.filter(pc.equal(rows["kind"], MARKER)).to_pylist()
    window = _one_window(markers)
    _check_cover((row["key"], row["stop"]) for row in markers)
    marks, unmarked = _marks(rows.filter(pc.equal(rows["kind"], DIRTY)))
    return DirtyKeys(pa.array(sorted({*unmarked, *marks}), pa.binary()), marks, unmarked, window)


def _marks(found: pa.Table) -> tuple[dict[bytes, frozenset[Mark]], dict[bytes, int]]:
    old = found.filter(pc.is_null(found["fingerprint"]))
    unmarked = dict(zip(old["key"].to_pylist(), old["version"].to_pylist(), strict=True))
    marked = found.filter(pc.is_valid(found["fingerprint"]))
    marks: dict[bytes, set[Mark]] = {}
    columns = (marked[name].to_pylist() for name in ("key", "version", "fingerprint"))
    for key, version, fingerprint in zip(*columns, strict=True):
        marks.setdefault(key, set()).add((version, fingerprint))
    return {key: frozenset(found) for key, found in marks.items()}, unmarked


def _one_window(markers: list[dict[str, object]]) -> Window:
    windows = {(row["start_ms"], row["end_ms"], row["deep"], row["low_ms"]) for row in markers}
    if len(windows) != 1:
        raise IncompleteScan(f"the scan's parts name {len(windows)} different windows instead of one")
    return Window(*windows.pop())  # type: ignore[arg-type]


def _check_cover(parts: Iterable[tuple[bytes, bytes]]) -> None:
    """The parts together reach from the empty key to the end of the table. They may overlap (a split in between)."""
    reached: bytes | None = b""
    for start, stop in sorted(parts):
        if reached is None:
            return
        if start > reached:
            break
        reached = max(reached, stop) if stop else None
    if reached is not None:
        raise IncompleteScan(f"no part of the scan has read the keys from {printable(reached)} on")
