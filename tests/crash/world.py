"""A table that outlives its loaders: its files on a disk, its metastore in another process."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from loader.state.open_table import Environment
from loader.storage.effects import Tap
from loader.storage.files import Files
from metastore.api import Metastore
from metastore.fence import is_fence
from partitioner.changes.hashing import hash_keys
from tests.crash.served import Serves, fork
from tests.world import KEYS, TABLE, Row, Source, expected, open_world, visible

Rows = dict[str, Row]


@dataclass(frozen=True)
class World:
    """`files`: as this process has them. Each run that is opened starts a thousand seconds later than the last."""

    served: Serves
    location: str
    files: Files
    opened: Any = field(default_factory=lambda: fork.Value("i", 0))  # shared by all children

    def open(self, run: str, tap: Tap | None = None, clock: Callable[[], int] | None = None) -> Environment:
        with self.opened.get_lock():
            self.opened.value += 1
            starts = self.opened.value * 1_000_000
        env = open_world(self.served.connect(), self.location, run, tap, clock=starts, files=self.files)
        return replace(env, clock=clock) if clock else env

    def visible(self) -> Rows:
        return visible(self.served.connect(), self.files)


def fences(store: Metastore) -> set[str]:
    return {values[0] for values in store.partition_names(TABLE) if is_fence(KEYS, values)}


def index_of(env: Environment, keys: Collection[str]) -> dict[str, Any]:
    """The partition of each key, by the key index."""
    array = pa.array([key.encode() for key in keys], pa.binary())
    segments = env.state.records().state.index
    assert env.keystore is not None
    names = env.keystore.look_up(segments, np.asarray(hash_keys(array)), array)
    return dict(zip(keys, names.to_pylist(), strict=True))


def problems_with(env: Environment, source: Source) -> list[str]:
    """What is not as it should be once a run has put all right. None: an empty list."""
    now, store, records = expected(source), env.metastore, env.state.records()
    seen = visible(store, env.files)
    index = index_of(env, sorted(now))
    found = {
        f"rows: {seen}, not {now}": seen != now,
        f"unsettled: {[attempt.intent.batch for attempt in records.unsettled]}": bool(records.unsettled),
        f"fences of others: {fences(store) - set(env.fences.own or ())}": bool(
            fences(store) - set(env.fences.own or ())
        ),
        f"key index: {index}": index != {key: f"day={row[0]}" for key, row in now.items()},
    }
    return [problem for problem, wrong in found.items() if wrong]
