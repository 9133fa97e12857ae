"""Everything of a batch follows from one reading of its rows: HBase answers otherwise each time it is asked."""

from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pytest

from loader.state.change_sets import load_change_set
from metastore.memory import InMemoryMetastore
from tests.world import Image, Source, create_table, expected, open_world, run_batch, visible

DAYS = ("mon", "tue", "wed")


@dataclass
class Fickle(Source):
    """Whoever reads a row finds it a day further and one click more."""

    answered: list[tuple[str, int]] = field(default_factory=list)

    def read(self, keys: pa.Array, at_ms: int) -> Image:
        if self.answered:
            day, clicks = self.answered[-1]
            self.rows[b"k"] = (DAYS[(DAYS.index(day) + 1) % 3], clicks + 1)
        self.answered.append(self.rows[b"k"])
        return super().read(keys, at_ms)


@pytest.mark.parametrize("batches", [1, 2, 4])
def test_rows_change_set_and_key_index_follow_from_one_reading(tmp_path: Path, batches: int) -> None:
    store, source = InMemoryMetastore("2.3.10", clock=lambda: 0.0), Fickle()
    create_table(store, tmp_path / "clicks")
    env = open_world(store, tmp_path / "clicks", "loader")
    source.rows[b"k"] = ("mon", 0)
    for number in range(1, batches + 1):
        source.dirty.add(b"k")
        batch = run_batch(env, source)
        assert len(source.answered) == number
        assert visible(store) == {"k": source.answered[-1]} == expected(source)
        stored = load_change_set(env.files, env.layout, batch.attempt.attempt)
        assert stored.rows["clicks"].to_pylist() == [source.answered[-1][1]]
