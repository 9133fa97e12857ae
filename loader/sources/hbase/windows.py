"""Window arithmetic, pure: which cell times to scan next, and the memory of what was taken from the overlap.

Cells become visible after their timestamp: a put can stay invisible up to `hbase.regionserver.wal.sync.timeout`
(300 s by default) plus the skew of the servers' clocks. So there are two windows, both ending at now − lag: a short one
at each poll with an overlap of seconds, and a deep one once a minute that starts at the low watermark. Only the deep
one moves the low watermark, to its end − `deep_overlap_ms`: all cells older than that were visible when it was read.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from partitioner.history.position import Position

Mark = tuple[int, int]
"""The cells of one row and one timestamp: (timestamp in ms, 64-bit hash of those cells with types and values)."""

FAR_APART_MS = 60_000


@dataclass(frozen=True, slots=True)
class WindowRules:
    """All in ms. `deep_overlap_ms`: the WAL sync time-out; `behind` adds what the servers' clocks are behind ours."""

    lag_ms: int = 1_000
    overlap_ms: int = 5_000
    deep_overlap_ms: int = 310_000
    deep_every_ms: int = 60_000

    def __post_init__(self) -> None:
        if min(self.lag_ms, self.overlap_ms, self.deep_overlap_ms, self.deep_every_ms) < 0:
            raise ValueError("lags and overlaps cannot be negative")
        if self.deep_overlap_ms < self.overlap_ms:
            raise ValueError("the deep overlap must not be shorter than the short one")

    def behind(self, skew_ms: int) -> "WindowRules":
        """The rules where a cell put now may have a timestamp `skew_ms` ago: every overlap reaches so much further.

        If the clocks are far apart, ours is the wrong one rather than HBase's, and windows end by HBase's time.
        """
        skew_ms = max(0, skew_ms)
        return replace(
            self,
            lag_ms=self.lag_ms + (skew_ms if skew_ms > FAR_APART_MS else 0),
            overlap_ms=self.overlap_ms + skew_ms,
            deep_overlap_ms=self.deep_overlap_ms + skew_ms,
        )


@dataclass(frozen=True, slots=True)
class Window:
    """Cell times `[start_ms, end_ms)` to scan. `low_ms`: the low watermark once this window is settled.

    An empty window (`start_ms == end_ms`) is one whose end is settled already: a replayed batch.
    """

    start_ms: int
    end_ms: int
    deep: bool
    low_ms: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_ms <= self.end_ms:
            raise ValueError(f"window [{self.start_ms}, {self.end_ms}) runs backwards")

    @property
    def empty(self) -> bool:
        return self.start_ms == self.end_ms

    @property
    def marks_from_ms(self) -> int:
        """Older cells need no mark of their own: nothing will ever compare them. Matters for the first window."""
        return self.low_ms if self.start_ms == 0 else self.start_ms

    def position(self, source: str) -> Position:
        """What a manifest or position object stores of it."""
        return Position(source, self.start_ms, self.end_ms, self.low_ms)


def window_end(now_ms: int, rules: WindowRules) -> int:
    """Where a window read now may end."""
    return max(0, now_ms - rules.lag_ms)


def reached_by(now_ms: int) -> Callable[[Position], bool]:
    """Whether a position is one that a window may start from: one beyond now was stored by a clock that ran ahead.

    From it nothing would be read until that time has come, and what was put meanwhile never.
    """
    return lambda position: position.read_ms <= now_ms


def window_to(end_ms: int, settled: Position | None, rules: WindowRules) -> Window:
    """The window that ends at `end_ms` and follows the table's newest usable position (None: never loaded).

    Pure, so that a replay with the same end and position reads the same window. If `end_ms` is settled already (the
    batch was committed before the replay, or the clock ran backwards) the window is empty.
    """
    if settled is None:
        return Window(0, end_ms, True, max(0, end_ms - rules.deep_overlap_ms))
    if end_ms <= settled.read_ms:
        return Window(end_ms, end_ms, False, settled.low_ms)
    if end_ms - _last_deep_end(settled, rules) >= rules.deep_every_ms:
        return Window(settled.low_ms, end_ms, True, max(settled.low_ms, end_ms - rules.deep_overlap_ms))
    return Window(max(settled.low_ms, settled.read_ms - rules.overlap_ms, 0), end_ms, False, settled.low_ms)


def _last_deep_end(settled: Position, rules: WindowRules) -> int:
    return settled.low_ms + rules.deep_overlap_ms


class Taken:
    """Memory of what was taken from the overlap, so that a quiet table makes no batch. Losing it only costs work.

    Row → its marks at timestamps from the low watermark on. It is filled only by `promote`, when the batch that took
    the rows has committed; never from a scan alone. Rows are also found by the second of their marks: a window costs
    what lies in it, not all that is remembered.
    """

    def __init__(self) -> None:
        self._marks: dict[bytes, frozenset[Mark]] = {}
        self._rows_of: defaultdict[int, set[bytes]] = defaultdict(set)  # second → rows that have, or had, a mark in it

    def __len__(self) -> int:
        """Rows remembered."""
        return len(self._marks)

    def new(self, scanned: Mapping[bytes, Iterable[Mark]], window: Window) -> list[bytes]:
        """The keys, sorted, whose cells in the window are not exactly those taken before.

        A row whose remembered cells are gone counts too: what hid them may be gone with them.
        """
        keys = {key for key, marks in scanned.items() if frozenset(marks) != self._inside(key, window)}
        keys.update(key for key in self._rows_since(window) if key not in scanned and self._inside(key, window))
        return sorted(keys)

    def promote(self, scanned: Mapping[bytes, Iterable[Mark]], window: Window) -> None:
        """The batch made of this scan has committed: what it saw is taken; what is below the low mark is forgotten."""
        for key in self._rows_since(window) - scanned.keys():
            self._remember(key, self._outside(key, window))
        for key, marks in scanned.items():
            self._remember(key, self._outside(key, window) | frozenset(marks))
        self._forget(window.low_ms)

    def _remember(self, key: bytes, marks: frozenset[Mark]) -> None:
        if not marks:
            self._marks.pop(key, None)
            return
        self._marks[key] = marks
        for at_ms, _ in marks:
            self._rows_of[at_ms // 1000].add(key)

    def _forget(self, low_ms: int) -> None:
        for second in [second for second in self._rows_of if second <= low_ms // 1000]:
            for key in self._rows_of.pop(second):
                self._remember(key, _since(self._marks.get(key, frozenset()), low_ms))

    def _rows_since(self, window: Window) -> set[bytes]:
        seconds = (rows for second, rows in self._rows_of.items() if second >= window.start_ms // 1000)
        return set().union(*seconds)

    def _inside(self, key: bytes, window: Window) -> frozenset[Mark]:
        return _since(self._marks.get(key, frozenset()), window.start_ms)

    def _outside(self, key: bytes, window: Window) -> frozenset[Mark]:
        return frozenset(mark for mark in self._marks.get(key, ()) if mark[0] < window.start_ms)


def _since(marks: frozenset[Mark], start_ms: int) -> frozenset[Mark]:
    return frozenset(mark for mark in marks if mark[0] >= start_ms)
