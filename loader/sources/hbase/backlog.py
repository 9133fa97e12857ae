"""A backlog in batches: what one scan found, cut by time, so that each batch leaves a position that is true.

Pure. A key belongs to the slice of its oldest cell in the window. A slice ends where the next one's oldest cell begins:
all that is older has been in this slice or an earlier one. So a loader that dies between two slices begins its next
window there, finds the rest again, and nothing is lost. Nothing is repeated either: the rows are read when their slice
is published, later than the scan, with all their cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from loader.sources.hbase.windows import Window


@dataclass(frozen=True, slots=True)
class Slice:
    """Keys of one batch, sorted, and the window that is settled once it is committed."""

    keys: tuple[bytes, ...]
    window: Window


def slices_of(oldest_ms: Mapping[bytes, int], window: Window, most: int) -> tuple[Slice, ...]:
    """`oldest_ms`: key → its oldest cell in `window`. At most `most` keys a slice; always at least one slice."""
    if len(oldest_ms) <= most:
        return (Slice(tuple(sorted(oldest_ms)), window),)
    ordered = sorted(oldest_ms, key=lambda key: (oldest_ms[key], key))
    cuts = [*range(0, len(ordered), most), len(ordered)]
    ends = [oldest_ms[ordered[cut]] for cut in cuts[1:-1]] + [window.end_ms]
    parts: Sequence[list[bytes]] = [sorted(ordered[start:stop]) for start, stop in pairwise(cuts)]
    return tuple(Slice(tuple(keys), _up_to(window, end)) for keys, end in zip(parts, ends, strict=True))


def _up_to(window: Window, end_ms: int) -> Window:
    """The part of the window that is settled: the low watermark cannot be beyond it."""
    end_ms = min(max(end_ms, window.start_ms), window.end_ms)
    return Window(window.start_ms, end_ms, window.deep, min(window.low_ms, end_ms))
