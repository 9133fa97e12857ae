"""Both rewriters carry plans out on real files, and always to the same table."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from loader.errors import Damage
from loader.files import LocalFiles
from loader.rewrite import Rewriter, Tools, WriteSettings, read_rows, rewrite_split, works_of, write_empty
from loader.rewrite_local import LocalRewriter
from loader.rewrite_spark import SparkRewriter
from partitioner.counts import count_changes
from partitioner.errors import DriftError
from partitioner.hashing import TEST_VECTORS, bucket_of, hash_key
from partitioner.plan import PlanRules, links, plan_batch
from partitioner.plan_values import BatchPlan, SplitResult
from partitioner.routing import route, route_changes
from partitioner.sizing import SizingRules
from partitioner.values import AttemptId, Bucket, DataFile, PartitionValues, Version
from tests.unit.partitioner.build import COLUMNS, Change, Tables, change_set, changes_between, raw_keys

FILES = LocalFiles()


@pytest.fixture(scope="module")
def session() -> Iterator[SparkSession]:
    spark = (
        SparkSession.builder.master("local[2]")
        .appName("rewriters")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    yield spark
    spark.stop()


@pytest.fixture(params=["local", "threads", "spark", "orc"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> "Table":
    format = "orc" if request.param == "orc" else "parquet"
    tools = Tools(FILES, raw_keys, COLUMNS, format)
    temporary = _Temporary(str(tmp_path / "temporary"))
    rewriter: Rewriter
    if request.param == "spark":
        rewriter = SparkRewriter(request.getfixturevalue("session"), tools, temporary)
    else:
        rewriter = LocalRewriter(tools, temporary, threads=2 if request.param == "threads" else 1)
    return Table(tmp_path, rewriter, format)


@dataclass(frozen=True)
class _Temporary:
    folder: str

    def __call__(self, attempt: AttemptId) -> str:
        return f"{self.folder}/{attempt}"


@dataclass
class Table:
    """A table of files, changed batch by batch as the loader does it."""

    folder: Path
    rewriter: Rewriter
    format: str = "parquet"
    rows_per_file: int = 1_000
    live: dict[PartitionValues, Version] = field(default_factory=dict)
    batch: int = 0

    def apply(self, changes: list[Change]) -> tuple[SplitResult, ...]:
        """Plan, link, rewrite; the results' versions become live."""
        plan, results = self.run(changes)
        for partition in plan.partitions:
            written = [result.file for result in results if result.partition == partition.partition]
            files = tuple(sorted([*partition.links, *written], key=lambda file: file.bucket))
            self.live[partition.partition] = Version(
                partition.partition, plan.attempt, partition.location, plan.format, plan.columns, files
            )
        return results

    def run(self, changes: list[Change]) -> tuple[BatchPlan, tuple[SplitResult, ...]]:
        plan = self.plan(changes)
        for partition in plan.partitions:
            FILES.make_dirs(partition.location)
        for source, final in links(plan):
            FILES.link(source, final)
        return plan, self.rewriter.rewrite(plan, change_set(changes))

    def plan(self, changes: list[Change]) -> BatchPlan:
        self.batch += 1
        attempt = AttemptId(f"b{self.batch:010d}")
        changed = change_set(changes)
        return plan_batch(
            self.batch,
            attempt,
            self.live,
            count_changes(changed.rows, changed.partitions),
            columns=COLUMNS,
            format=self.format,
            locate=lambda values: str(self.folder / values[0] / attempt),
            parallelism=2,
            rules=PlanRules(SizingRules(rows_before_measured=self.rows_per_file), least_task_cost=1e-3),
        )

    def rows(self) -> Tables:
        """What the files of the live versions hold; a key twice in a partition fails."""
        found: Tables = {}
        for values, version in self.live.items():
            rows = [row for file in version.files for row in self.rows_of(version, file)]
            found[values] = dict(rows)
            assert len(found[values]) == len(rows), f"a key is twice in {values}"
        return found

    def rows_of(self, version: Version, file: DataFile) -> list[tuple[str, str]]:
        batches = list(read_rows(FILES, f"{version.location}/{file.name}", version.format, version.columns))
        rows = [(row["id"], row["value"]) for batch in batches for row in batch.to_pylist()]
        assert len(rows) == file.rows
        assert all(bucket_of(hash_key(key.encode()), file.bucket.count) == file.bucket.index for key, _ in rows)
        return rows


def rows(count: int, tag: str = "", start: int = 0) -> dict[str, str]:
    return {f"key-{number:06d}": f"{tag}{number % 7}" for number in range(start, start + count)}


def test_first_load_then_changes_of_all_kinds_give_the_expected_tables(table: Table) -> None:
    expected: Tables = {("a",): rows(5_000), ("b",): rows(300, "b", 10_000)}
    table.apply(changes_between({}, expected))
    for seed in range(3):
        after = shaken(expected, random.Random(seed))
        table.apply(changes_between(expected, after))
        assert table.rows() == after
        expected = after


def shaken(tables: Tables, rng: random.Random) -> Tables:
    """Some rows updated, deleted, inserted, and moved to other partitions, a new one among them."""
    after: Tables = {values: dict(found) for values, found in tables.items()}
    after.setdefault(("new",), {})
    places = sorted(after)
    for values, found in tables.items():
        for key in rng.sample(sorted(found), len(found) // 10):
            what = rng.randrange(3)
            if what == 0:
                after[values][key] = f"updated-{rng.randrange(50)}"
            else:
                value = after[values].pop(key)
                if what == 1:
                    after[rng.choice(places)][key] = value
    after[places[0]] |= {f"inserted-{rng.randrange(10**9)}": "i" for _ in range(100)}
    return after
