"""The key index alone: bytes a key, look-ups a second."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.table import DAY_VALUES, decoded_rows
from bench.workload import DAYS, Workload, keys_of
from loader.files import LocalFiles
from loader.keystore import KeyStore
from loader.layout import Layout
from partitioner.changeset import META, NOWHERE, ChangeSet
from partitioner.hashing import hashes_of
from partitioner.keyindex import segment_of
from partitioner.values import AttemptId

LOOKED_UP = 50_000
BATCHES = 5


def measure(folder: Path, keys: int, runs: int) -> dict[str, object]:
    """An index of so many keys in its base and some batches' deltas; the same 50,000 look-ups as a batch makes."""
    layout = Layout.of(f"file://{folder}/index-{keys}")
    store = KeyStore(LocalFiles(), layout)
    started = time.perf_counter()
    names = [store.write(AttemptId("base"), _segment(Workload(keys), np.arange(keys, dtype=np.int64)))]
    built = time.perf_counter() - started
    workload = Workload(keys, min(LOOKED_UP, keys // 50))
    for number in range(BATCHES):
        names.append(store.write(AttemptId(f"delta{number}"), _segment(workload, workload.batch(number).updates)))
    stored = sum(path.stat().st_size for path in Path(f"{folder}/index-{keys}").rglob("*.arrow"))
    seconds = list(_lookups(store, names, keys, runs))
    return {
        "keys": keys,
        "bytes_per_key": round(stored / keys, 2),
        "build_seconds": round(built, 3),
        "seconds": seconds,
        "lookups_per_second": round(LOOKED_UP / sorted(seconds)[len(seconds) // 2]),
    }


def _lookups(store: KeyStore, names: list[str], keys: int, runs: int) -> Iterator[float]:
    dice = np.random.default_rng(1)
    for run in range(runs + 1):
        numbers = dice.integers(0, keys, LOOKED_UP)
        wanted = keys_of(numbers).cast(pa.binary())
        hashes = hashes_of(wanted)
        started = time.perf_counter()
        found = store.look_up(names, hashes, wanted)
        seconds = time.perf_counter() - started
        right = pa.array([f"day={day}" for day in DAYS]).take(pa.array(numbers % len(DAYS)))
        if found != right:
            raise AssertionError("the index does not know where its keys live")
        if run:
            yield seconds


def _segment(workload: Workload, numbers: np.ndarray) -> pa.Table:
    rows = decoded_rows(workload, numbers).rows.select([name for name in META.names if name != "__origin"])
    rows = rows.append_column("__origin", pa.array(np.full(len(rows), NOWHERE, np.int32)))
    return segment_of(ChangeSet(rows, DAY_VALUES), [f"day={day}" for day in DAYS])
