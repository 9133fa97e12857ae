"""The key index alone: bytes a key, look-ups a second, what a batch pays for it, and how all of it grows.

python -m bench --only index          with workload M's keys, and a tenth of them
python -m bench.index --keys 20000000  one more size, for the growth
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa

from bench.table import DAY_VALUES
from bench.workload import DAYS, keys_of
from loader.state.key_index_files import KeyStore
from loader.state.layout import Layout
from loader.storage.local import LocalFiles
from partitioner.changes.change_set import META, ChangeSet, Op
from partitioner.changes.hashing import hash_keys, hashes_of
from partitioner.changes.key_index import segment_of
from partitioner.history.merged_segments import with_merged
from partitioner.values import AttemptId

CHANGES = 50_000
"""Of a batch: as many as workload M's."""

BATCHES = 40
"""Deltas above the base, compacted as the loader does it: what a table looks like in the middle of its day."""

NAMES = [f"day={day}" for day in DAYS]
Numbers = np.ndarray


def measure(folder: Path, keys: int, runs: int) -> dict[str, Any]:
    """An index of so many keys after a base and 40 batches. Times are seconds; the medians are what is quoted."""
    index = _Index(folder / f"index-{keys}", keys)
    base_s = _timed(index.base)
    base_bytes = index.bytes
    batches = [index.batch(number) for number in range(BATCHES)]
    looked = list(_lookups(index, runs))
    a_batch = median(batch["delta"] for batch in batches) + median(looked)
    return {
        "keys": keys,
        "key_bytes": round(len(keys_of(np.arange(1))[0].as_py())),
        "bytes_per_key": round(base_bytes / keys, 2),
        "build_seconds": round(base_s, 3),
        "segments": len(index.names),
        "seconds": looked,
        "lookups_per_second": round(CHANGES / median(looked)),
        "delta_seconds": round(median(batch["delta"] for batch in batches), 4),
        "seconds_a_batch": round(a_batch, 4),
        "compaction_seconds_a_batch": round(sum(batch["compaction"] for batch in batches) / BATCHES, 4),
        "longest_compaction_seconds": round(max(batch["compaction"] for batch in batches), 3),
    }


def with_share(figures: dict[str, Any], batch_seconds: float | None) -> dict[str, Any]:
    """The same with the share of a whole batch's time, if that was measured in the same run."""
    share = round(figures["seconds_a_batch"] / batch_seconds, 4) if batch_seconds else None
    return {**figures, "share_of_a_batch": share}


class _Index:
    """One index on files, kept as the loader keeps it."""

    def __init__(self, folder: Path, keys: int) -> None:
        self.folder, self.keys = folder, keys
        self.store = KeyStore(LocalFiles(), Layout.of(f"file://{folder}"))
        self.names: tuple[str, ...] = ()
        self.moved = np.zeros(keys, np.int8)  # by how many days each key has moved on

    def base(self) -> None:
        self.names = (self.store.write(AttemptId("b0-base"), self._segment(np.arange(self.keys))),)

    def batch(self, number: int) -> dict[str, float]:
        """50,000 keys of any age move to the next day."""
        chosen = np.random.default_rng(number).choice(self.keys, min(CHANGES, self.keys // 10), replace=False)
        self.moved[chosen] += 1
        delta = _timed(lambda: self._write(number, chosen))
        return {"delta": delta, "compaction": _timed(self._compact)}

    def _write(self, number: int, chosen: Numbers) -> None:
        self.names = (*self.names, self.store.write(AttemptId(f"b{number + 1}-delta"), self._segment(chosen)))

    def _compact(self) -> None:
        done = self.store.compact(self.names)
        self.names = with_merged(self.names, done) if done else self.names

    def places(self, numbers: Numbers) -> Numbers:
        """The day of each key."""
        days: Numbers = (numbers + self.moved[numbers]) % len(DAYS)
        return days

    @property
    def bytes(self) -> int:
        return sum(self.store.size(name) for name in self.names)

    def _segment(self, numbers: Numbers) -> pa.Table:
        keys = keys_of(numbers).cast(pa.binary())
        days = self.places(numbers).astype(np.int32)
        same = {":op": np.int8(Op.UPSERT), ":version": np.int64(1)}
        columns = [keys, hash_keys(keys), *(np.full(len(numbers), value) for value in same.values()), days, days]
        return segment_of(ChangeSet(pa.table(columns, schema=META), DAY_VALUES), NAMES)


def _lookups(index: _Index, runs: int) -> Iterator[float]:
    """Seconds of 50,000 look-ups of keys of any age, each answer checked. The first run warms up."""
    for run in range(runs + 1):
        numbers = np.random.default_rng(1_000 + run).integers(0, index.keys, CHANGES)
        wanted = keys_of(numbers).cast(pa.binary())
        found: list[pa.Array] = []
        hashes = hashes_of(wanted)
        seconds = _timed(lambda: found.append(index.store.look_up(index.names, hashes, wanted)))  # noqa: B023
        if found[0] != pa.array(NAMES).take(pa.array(index.places(numbers))):
            raise AssertionError("the index does not know where its keys live")
        if run:
            yield seconds


def _timed(what: Callable[[], object]) -> float:
    started = time.perf_counter()
    what()
    return time.perf_counter() - started


def of_sizes(folder: Path, sizes: Sequence[int], runs: int, batch_seconds: float | None) -> dict[str, Any]:
    """`measure` of each size; the share of a batch's time is that of workload M, the largest."""
    measured = [measure(folder, keys, runs) for keys in sizes]
    shares = [batch_seconds if keys == max(sizes) else None for keys in sizes]
    return {"figures": [with_share(one, share) for one, share in zip(measured, shares, strict=True)]}


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.index", description=__doc__)
    parser.add_argument("--keys", type=int, nargs="+", default=[500_000, 5_000_000])
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hotswap-index-") as folder:
        for keys in chosen.keys:
            print(json.dumps(measure(Path(folder), keys, chosen.runs)))


if __name__ == "__main__":
    main()
