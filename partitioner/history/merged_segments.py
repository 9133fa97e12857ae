"""Merged segments of the key index: which run of neighbours each one stands for.

Its name says so: the attempts that its run begins and ends with, and a digest of the whole run. So whoever finds one
beside an index knows, without reading it, whether it may stand in that index.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

SUFFIX = ".arrow"


@dataclass(frozen=True, slots=True)
class Compaction:
    """Names of neighbouring segments, oldest first, and of the one that says the same.

    `bottom`: it leaves out keys that live nowhere, so that nothing may lie below it.
    """

    run: tuple[str, ...]
    merged: str
    bottom: bool


def with_merged(index: tuple[str, ...], compaction: Compaction) -> tuple[str, ...]:
    """The index with the one segment in place of its run, whatever came after it; as it is where it has no such run."""
    run = compaction.run
    starts = range(1) if compaction.bottom else range(len(index) - len(run) + 1)
    start = next((start for start in starts if index[start : start + len(run)] == run), None)
    return index if start is None else (*index[:start], compaction.merged, *index[start + len(run) :])


def merged_name(run: Sequence[str], bottom: bool, token: str) -> str:
    """The name of the segment that stands for `run`, as long for a long run as for a short one.

    `token` makes it a name of its own: another merge of the same run is another file, so that one that was condemned
    does not come back.
    """
    return f"{_ends(run[0])[0]}_{_digest(run, bottom)}-{token}_{_ends(run[-1])[1]}{SUFFIX}"


def best_merge(names: Iterable[str], index: tuple[str, ...]) -> Compaction | None:
    """Of the segments `names` the one that stands for the longest run of `index`; None: none does."""
    firsts = {_ends(name)[0]: place for place, name in enumerate(index)}
    lasts = {_ends(name)[1]: place for place, name in enumerate(index)}
    found = (_merge_of(name, index, firsts, lasts) for name in names if name not in index)
    return max((merge for merge in found if merge), key=lambda it: (len(it.run), it.bottom, it.merged), default=None)


def _merge_of(name: str, index: tuple[str, ...], firsts: dict[str, int], lasts: dict[str, int]) -> Compaction | None:
    """What the segment `name` stands for in `index`; None: nothing, or nobody can tell."""
    first, digest, last = [*name.removesuffix(SUFFIX).split("_", 2), "", ""][:3]
    start, end = firsts.get(first), lasts.get(last)
    if start is None or end is None or start >= end:
        return None
    run, digest = index[start : end + 1], digest.partition("-")[0]
    kinds = (True, False) if start == 0 else (False,)
    return next((Compaction(run, name, bottom) for bottom in kinds if _digest(run, bottom) == digest), None)


def _ends(name: str) -> tuple[str, str]:
    """The attempts that a segment begins and ends with."""
    parts = name.removesuffix(SUFFIX).split("_")
    return parts[0], parts[-1]


def _digest(run: Sequence[str], bottom: bool) -> str:
    """Of names, none of which has a line end in it."""
    return blake2b("\n".join([str(bottom), *run]).encode(), digest_size=8).hexdigest()
