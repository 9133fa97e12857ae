"""The measured workload is what it says, and a wrong result is never given a time."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.__main__ import of_contest
from bench.truth import Wrong, check
from bench.workload import DAYS, Workload

SMALL = Workload(rows=5_000, changes=100)


def written(rows: pa.Table, folder: Path) -> list[str]:
    pq.write_to_dataset(rows, folder, partition_cols=["day"])
    return [f"{folder}/*/*.parquet"]


def test_batches_are_eighty_ten_ten_and_touch_no_row_twice() -> None:
    batches = [SMALL.batch(number) for number in range(10)]
    assert {(len(b.updates), len(b.inserts), len(b.deletes)) for b in batches} == {(80, 10, 10)}
    touched = np.concatenate([np.concatenate([b.updates, b.inserts, b.deletes]) for b in batches])
    assert len(np.unique(touched)) == 1_000


def test_a_small_batch_stays_in_its_partitions() -> None:
    batch = SMALL.batch(3, 50, days=5)
    assert set(np.concatenate([batch.updates, batch.inserts, batch.deletes]) % len(DAYS)) == set(range(5))


def test_the_base_is_the_expected_table_before_any_batch(tmp_path: Path) -> None:
    assert check(SMALL.expected([]), [f"{SMALL.base(tmp_path)}/*/*.parquet"]) == 5_000


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: rows.slice(1),
        lambda rows: pa.concat_tables([rows, rows.slice(0, 1)]),
        lambda rows: rows.set_column(8, "cost", pa.array(np.append(rows["cost"].to_numpy()[:-1], -1.0))),
        lambda rows: pa.concat_tables([rows.slice(1), rows.slice(1, 1)]),
    ],
    ids=["a row less", "a row twice", "a changed value", "a row in another's place"],
)
def test_a_wrong_result_is_refused(spoil, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    right = SMALL.expected([SMALL.batch(0)])
    with pytest.raises(Wrong):
        check(right, written(spoil(right), tmp_path))


def test_a_peer_that_could_not_run_is_named_with_its_reason_and_gets_no_time() -> None:
    report = of_contest({"hudi": {"not_run": "no network"}, "duckdb": {"seconds": [2.0, 1.0, 4.0]}})
    assert report["not_run"] == {"hudi": "no network"}
    assert report["workload_m"] == {"duckdb": 2.0}
