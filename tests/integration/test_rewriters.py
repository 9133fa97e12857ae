"""Both rewriters carry plans out on real files, and always to the same table."""

import json
import random
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from loader.basics.errors import Damage
from loader.datafiles.in_process import LocalRewriter
from loader.datafiles.parquet_file import ParquetInput, ParquetSettings
from loader.datafiles.spark_merge import SparkRewriter
from loader.datafiles.split_file import Rewriter, Tools, WriteSettings, read_rows, rewrite_split, works_of, write_empty
from loader.storage.local import LocalFiles
from partitioner.changes.hashing import TEST_VECTORS, bucket_of, hash_key
from partitioner.errors import DriftError
from partitioner.planning.batch_plan import BatchPlan, SplitResult
from partitioner.planning.counts import count_changes
from partitioner.planning.plan import PlanRules, links, plan_batch
from partitioner.planning.sizing import SizingRules
from partitioner.values import AttemptId, Bucket, DataFile, PartitionValues, Version
from tests.unit.partitioner.build import COLUMNS, Change, Tables, change_set, changes_between, raw_keys

FILES = LocalFiles()


@pytest.fixture
def session(spark: SparkSession) -> SparkSession:
    """The one of all tests: a process has but one, and who stops it stops it for all."""
    return spark


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

    def changed_after(self, updates: int) -> int:
        """Update so many rows of partition a's one file; the rows that it then says have changed since it chose."""
        if updates:
            self.apply([Change(f"key-{number:06d}", f"new-{self.batch}", "a", "a") for number in range(updates)])
        (file,) = self.live[("a",)].files
        with (Path(self.live[("a",)].location) / file.name).open("rb") as stream:
            remembered = ParquetInput(stream, 1 << 20).remembered()
        assert remembered is not None
        return remembered.changed

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


def test_changes_of_unknown_origin_give_the_expected_tables(table: Table) -> None:
    before: Tables = {("a",): rows(3_000)}
    after: Tables = {("a",): rows(2_000, "x", 500), ("b",): rows(10, "b", 9_000)}
    table.apply(changes_between({}, before, index=False))
    table.apply([*changes_between(before, after, index=False), Change("never", None, "nowhere", "?")])
    assert table.rows() == after


def test_a_partition_grows_and_shrinks_without_losing_a_row(table: Table) -> None:
    sizes = []
    before: Tables = {}
    for count in (900, 7_000, 30_000, 1_000):
        after: Tables = {("a",): rows(count, str(count))}
        results = table.apply(changes_between(before, after))
        assert table.rows() == after
        assert sum(result.before for result in results) == len(before.get(("a",), {}))
        sizes.append(table.live[("a",)].bucket_count)
        before = after
    assert sizes == [1, 8, 32, 1]


def test_an_emptied_partition_is_one_file_without_rows_and_can_be_filled_again(table: Table) -> None:
    full: Tables = {("a",): rows(3_000)}
    empty: Tables = {("a",): {}}
    table.apply(changes_between({}, full))
    table.apply(changes_between(full, empty))
    assert [(file.rows, file.bucket) for file in table.live[("a",)].files] == [(0, Bucket(0, 1))]
    table.apply(changes_between(empty, full))
    assert table.rows() == full


def test_one_change_writes_one_file_and_the_others_are_the_same_files(table: Table) -> None:
    before: Tables = {("a",): rows(8_000)}
    table.apply(changes_between({}, before))
    old = table.live[("a",)]
    (result,) = table.apply([Change("key-000005", "changed", "a", "a")])
    new = table.live[("a",)]
    same = {file.name for file in new.files if inode(new, file) == inode(old, file)}
    assert same == {file.name for file in old.files} - {result.file.name}
    assert (result.updated, result.inserted, result.before) == (1, 0, result.after)


def inode(version: Version, file: DataFile) -> int:
    return (Path(version.location) / file.name).stat().st_ino


def test_a_key_missing_from_the_files_is_drift_and_names_its_place(table: Table) -> None:
    table.apply(changes_between({}, {("a",): rows(3_000)}))
    with pytest.raises(DriftError) as caught:
        table.run([Change("key-000001", "v", "a", "a"), Change("unheard-of", "v", "a", "a")])
    assert (caught.value.partition, caught.value.keys, caught.value.count) == (("a",), (b"unheard-of",), 1)


def test_a_row_in_the_wrong_bucket_is_drift(table: Table) -> None:
    table.apply(changes_between({}, {("a",): rows(3_000)}))
    version = table.live[("a",)]
    first, second = (Path(version.location) / file.name for file in version.files[:2])
    first.write_bytes(second.read_bytes())
    victim = next(key for key in rows(3_000) if bucket_of(hash_key(key.encode()), version.bucket_count) == 0)
    with pytest.raises(DriftError, match="hash to another bucket"):
        table.run([Change(victim, "v", "a", "a")])


def test_a_plan_carried_out_twice_keeps_the_first_files_and_tells_the_same(table: Table) -> None:
    changes = changes_between({}, {("a",): rows(3_000)})
    plan, first = table.run(changes)
    inodes = [(Path(work.destination) / work.split.name).stat().st_ino for work in works_of(plan)]
    second = table.rewriter.rewrite(plan, change_set(changes))
    assert second == first
    assert [(Path(work.destination) / work.split.name).stat().st_ino for work in works_of(plan)] == inodes
    assert not [path for path in (table.folder / "temporary").rglob("*") if path.is_file()]


def test_a_stranger_under_a_final_name_is_damage(table: Table) -> None:
    changes = changes_between({}, {("a",): rows(10)})
    plan = table.plan(changes)
    (partition,) = plan.partitions
    FILES.make_dirs(partition.location)
    write_empty(FILES, partition.location, COLUMNS, plan.format)
    with pytest.raises(Damage, match="with 0 rows; the same split's merge came to 10"):
        table.rewriter.rewrite(plan, change_set(changes))


def test_a_refusing_file_system_is_an_os_error(table: Table) -> None:
    changes = changes_between({}, {("a",): rows(10)})
    plan = table.plan(changes)
    with pytest.raises(FileNotFoundError):
        table.rewriter.rewrite(plan, change_set(changes))


def test_columns_that_a_version_lacks_are_null_after_the_next_change(table: Table) -> None:
    table.apply(changes_between({}, {("a",): rows(3_000)}))
    version = table.live[("a",)]
    wider = (*COLUMNS, ("extra", "decimal(10,2)"))
    tools = replace(table.rewriter.tools, columns=wider)  # type: ignore[attr-defined]
    changed = change_set([Change("key-000001", "v", "a", "a")])
    changed = replace(changed, rows=changed.rows.append_column("extra", pa.array([Decimal("1.25")])))
    plan = plan_batch(
        9,
        AttemptId("b9"),
        table.live,
        count_changes(changed.rows, changed.partitions),
        columns=wider,
        format=table.format,
        locate=lambda values: str(table.folder / "wider"),
        parallelism=2,
    )
    FILES.make_dirs(str(table.folder / "wider"))
    results = replace(table.rewriter, tools=tools).rewrite(plan, changed)  # type: ignore[type-var]
    found = [
        row
        for result in results
        for batch in read_rows(FILES, f"{table.folder}/wider/{result.file.name}", table.format, wider)
        for row in batch.to_pylist()
    ]
    assert len(found) == version.rows
    assert [row["extra"] for row in found if row["extra"] is not None] == [Decimal("1.25")]


def test_all_rewriters_make_the_same_table_of_one_plan(session: SparkSession, tmp_path: Path) -> None:
    tools = Tools(FILES, raw_keys, COLUMNS, "parquet")
    base = Table(tmp_path, LocalRewriter(tools, _Temporary(str(tmp_path / "t0"))))
    before: Tables = {("a",): rows(6_000), ("b",): rows(500, "b", 50_000)}
    base.apply(changes_between({}, before))
    changes = changes_between(before, shaken(before, random.Random(5)))
    found = []
    for name, rewriter in {
        "local": LocalRewriter(tools, _Temporary(str(tmp_path / "t1"))),
        "spark": SparkRewriter(session, tools, _Temporary(str(tmp_path / "t2")), parcel_bytes=1_000),
    }.items():
        copy = replace(base, folder=tmp_path / name, rewriter=rewriter, live=dict(base.live))
        results = copy.apply(changes)
        found.append((copy.rows(), [replace(result, file=replace(result.file, bytes=0)) for result in results]))
    assert found[0] == found[1]


TYPES = (
    ("id", "string"),
    ("at", "timestamp"),
    ("cost", "decimal(20,4)"),
    ("tiny", "tinyint"),
    ("tags", "array<string>"),
    ("country", "string"),
)
MOMENTS = [datetime(1, 1, 1), datetime(1970, 1, 1, 0, 0, 0, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999), None]


def typed_rows(count: int) -> pa.Table:
    return pa.table(
        {
            ":key": pa.array([f"k{number}".encode() for number in range(count)], pa.binary()),
            ":kind": pa.array([2] * count, pa.int8()),
            ":version": pa.array([1] * count, pa.int64()),
            "id": [f"k{number}" for number in range(count)],
            "at": pa.array([MOMENTS[number % 4] for number in range(count)], pa.timestamp("us")),
            "cost": pa.array([Decimal("-1234567890.1234")] * count, pa.decimal128(20, 4)),
            "tiny": pa.array([number % 100 for number in range(count)], pa.int8()),
            "tags": [["a", None], [], None, ["b"]] * (count // 4),
            "country": ["at", "de"] * (count // 2),
        }
    )


def written(folder: Path, settings: WriteSettings, count: int = 400) -> Path:
    """One split written by the settings, without old files."""
    changes = change_set([Change("k0", "v", "p", None)])
    tools = Tools(FILES, raw_keys, TYPES, "parquet", settings=settings)
    plan = plan_batch(
        1,
        AttemptId("b1"),
        {},
        count_changes(changes.rows, changes.partitions),
        columns=TYPES,
        format="parquet",
        locate=lambda _: str(folder / "version"),
        parallelism=1,
    )
    FILES.make_dirs(str(folder / "version"))
    rewrite_split(works_of(plan)[0], typed_rows(count), tools, str(folder / "temporary"))
    return folder / "version" / plan.splits[0].name


@pytest.mark.parametrize("timestamps", ["int96", "int64"])
def test_spark_reads_every_type_as_it_was_given(session: SparkSession, tmp_path: Path, timestamps: str) -> None:
    path = written(tmp_path, WriteSettings(parquet=ParquetSettings(timestamps=timestamps)))
    session.conf.set("spark.sql.session.timeZone", "UTC")
    read = session.read.parquet(str(path)).selectExpr("* except (at)", "cast(at as string) at").toArrow().to_pylist()
    expected = typed_rows(400).drop_columns([":key", ":kind", ":version"]).to_pylist()
    by_id = {row["id"]: row for row in read}
    assert len(by_id) == len(expected)
    for row in expected:
        assert by_id[row["id"]] == row | {"at": spelled(row["at"])}


def spelled(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    fraction = f".{moment.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{moment.year:04d}-{moment:%m-%d %H:%M:%S}{fraction}"


@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip", "none"])
def test_every_codec_can_be_written(tmp_path: Path, compression: str) -> None:
    path = written(tmp_path, WriteSettings(parquet=ParquetSettings(compression=compression)))
    chunk = pq.read_metadata(path).row_group(0).column(0)
    assert chunk.compression == {"none": "UNCOMPRESSED"}.get(compression, compression.upper())


def test_footers_are_as_old_hives_want_them(tmp_path: Path) -> None:
    metadata = pq.read_metadata(written(tmp_path, WriteSettings()))
    kinds = {metadata.schema.column(index).path: metadata.schema.column(index) for index in range(6)}
    assert metadata.metadata[b"writer.time.zone"] == b"UTC"
    assert b"ARROW:schema" not in metadata.metadata
    assert kinds["at"].physical_type == "INT96"
    assert kinds["cost"].physical_type == "FIXED_LEN_BYTE_ARRAY"
    assert "tags.list.element" in kinds


def test_int64_timestamps_have_no_zone(tmp_path: Path) -> None:
    settings = WriteSettings(parquet=ParquetSettings(timestamps="int64"))
    metadata = pq.read_metadata(written(tmp_path, settings))
    at = next(column for column in map(metadata.schema.column, range(6)) if column.path == "at")
    assert at.physical_type == "INT64"
    assert json.loads(at.logical_type.to_json()) == {
        "Type": "Timestamp",
        "isAdjustedToUTC": False,
        "timeUnit": "microseconds",
        "is_from_converted_type": False,
        "force_set_converted_type": False,
    }


def required_columns(path: Path) -> set[str]:
    return {field.name for field in pq.read_schema(path) if not field.nullable}


def test_a_column_is_required_only_if_the_whole_file_has_no_null_in_it(tmp_path: Path) -> None:
    assert required_columns(written(tmp_path / "one", WriteSettings())) == {"id", "cost", "tiny", "country"}
    assert required_columns(written(tmp_path / "many", WriteSettings(row_group_bytes=10_000), count=4_000)) == set()


def test_numbers_have_statistics_and_text_has_none(tmp_path: Path) -> None:
    group = pq.read_metadata(written(tmp_path, WriteSettings())).row_group(0)
    columns = {group.column(index).path_in_schema: group.column(index) for index in range(group.num_columns)}
    assert {name for name, column in columns.items() if column.is_stats_set} == {"cost", "tiny"}


def test_columns_of_few_values_stay_dictionaries_from_file_to_file(tmp_path: Path) -> None:
    path = written(tmp_path, WriteSettings())
    with path.open("rb") as stream:
        source = ParquetInput(stream, 1 << 20)
        assert source.dictionaries() == {"country"}
        (batch,) = source.batches(source.dictionaries())
    assert pa.types.is_dictionary(batch.schema.field("country").type)


def test_a_file_remembers_its_encodings_until_a_tenth_of_its_rows_has_changed(tmp_path: Path) -> None:
    tools = Tools(FILES, raw_keys, COLUMNS, "parquet")
    table = Table(tmp_path, LocalRewriter(tools, _Temporary(str(tmp_path / "temporary"))))
    table.apply(changes_between({}, {("a",): rows(1_000)}))
    assert [table.changed_after(updates) for updates in (0, 60, 40, 1, 100)] == [0, 60, 100, 0, 100]


def test_a_deleted_value_leaves_no_trace_in_the_new_file(tmp_path: Path) -> None:
    settings = WriteSettings(parquet=ParquetSettings(compression="none"))
    tools = Tools(FILES, raw_keys, COLUMNS, "parquet", settings=settings)
    table = Table(tmp_path, LocalRewriter(tools, _Temporary(str(tmp_path / "temporary"))))
    before: Tables = {("a",): rows(900) | {"key-x": "secret"}}
    table.apply(changes_between({}, before))
    (file,) = table.live[("a",)].files
    assert b"secret" in (Path(table.live[("a",)].location) / file.name).read_bytes()
    table.apply([Change("key-x", None, None, "a")])
    assert b"secret" not in (Path(table.live[("a",)].location) / file.name).read_bytes()


def test_row_groups_keep_to_their_memory(tmp_path: Path) -> None:
    metadata = pq.read_metadata(written(tmp_path, WriteSettings(row_group_bytes=10_000), count=4_000))
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    assert sum(group.num_rows for group in groups) == 4_000
    assert len(groups) > 10
    assert max(group.total_byte_size for group in groups) < 20_000


@pytest.mark.parametrize("format", ["parquet", "orc"])
def test_an_empty_file_has_the_columns_and_no_rows_and_is_created_once(tmp_path: Path, format: str) -> None:
    file = write_empty(FILES, str(tmp_path), TYPES, format)
    batches = list(read_rows(FILES, str(tmp_path / file.name), format, TYPES))
    assert (file.rows, sum(map(len, batches))) == (0, 0)
    assert file.bytes == (tmp_path / file.name).stat().st_size
    with pytest.raises(FileExistsError):
        write_empty(FILES, str(tmp_path), TYPES, format)


def test_spark_hashes_keys_as_we_do(session: SparkSession) -> None:
    keys = [key for key, _ in TEST_VECTORS]
    frame = session.createDataFrame(pa.table({"key": pa.array(keys, pa.binary())}))
    assert [row[0] for row in frame.selectExpr("crc32(key)").collect()] == [hash_ for _, hash_ in TEST_VECTORS]
