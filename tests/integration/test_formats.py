"""Data files of every format and setting, as Hive's own readers of 2.3, Spark and DuckDB read them.

Spark's Hive reader is Hive 2.3's code: with `convertMetastore…` off it reads Parquet and ORC through Hive's SerDes.
"""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc
from pyspark.sql import SparkSession

from devservers.metastore import Metastore23
from loader.datafiles.orc_file import OrcSettings
from loader.datafiles.parquet_file import HARDLY, ParquetSettings
from loader.datafiles.split_file import SplitWork, Tools, WriteSettings, read_rows, rewrite_split, works_of
from loader.storage.local import LocalFiles
from loader.wiring.table import FORMATS
from metastore.api import Column, Metastore, Partition, Table, TableName
from metastore.client import connect
from partitioner.arrow_types import arrow_schema
from partitioner.planning.batch_plan import SplitPlan
from partitioner.planning.counts import count_changes
from partitioner.planning.plan import plan_batch
from partitioner.values import AttemptId, Bucket, DataFile, Estimate
from tests.unit.partitioner.build import Change, change_set

FILES = LocalFiles()
MEBIBYTE = 1 << 20
WHOLE = Bucket(0, 1)
COLUMNS = (
    ("id", "string"),
    ("yes", "boolean"),
    ("tiny", "tinyint"),
    ("small", "smallint"),
    ("number", "int"),
    ("big", "bigint"),
    ("half", "float"),
    ("ratio", "double"),
    ("cost", "decimal(20,4)"),
    ("short", "varchar(10)"),
    ("raw", "binary"),
    ("day_of", "date"),
    ("at", "timestamp"),
    ("tags", "array<string>"),
    ("named", "map<string,int>"),
    ("pair", "struct<a:int,b:string>"),
    ("country", "string"),
)
ROWS: list[dict[str, Any]] = [
    {
        "id": f"k{number:04d}",
        "yes": number % 2 == 0,
        "tiny": number % 100 - 50,
        "small": -number,
        "number": number * 1_000,
        "big": number << 40,
        "half": number / 4,
        "ratio": number / 3,
        "cost": Decimal(number) / 8 - 1000,
        "short": f"wört {number % 10}",
        "raw": bytes([number % 256, 0, 255]),
        "day_of": date(1999, 12, 31) if number % 2 else date(2030, 1, number % 28 + 1),
        "at": datetime(2026, 7, 1, 12, 30, 59, number) if number % 2 else datetime(1969, 12, 31, 23, 59, 59),
        "tags": [["a", "b"], [], ["x"]][number % 3],
        "named": [("one", 1), ("two", number)],
        "pair": {"a": number, "b": "ü"},
        "country": ["at", "de", "us"][number % 3],
    }
    for number in range(300)
]
EMPTY: dict[str, Any] = {name: None for name, _ in COLUMNS} | {"id": "null"}
ALL = [*ROWS, EMPTY]

PARQUET = WriteSettings(row_group_bytes=20_000)
SETTINGS = {
    "parquet": ("parquet", PARQUET),
    "parquet, sorted": ("parquet", WriteSettings(row_group_bytes=20_000, sort_by=("country", "big"))),
    "parquet, some stored": ("parquet", WriteSettings()),
    "parquet, gzip": ("parquet", WriteSettings(parquet=ParquetSettings(compression="gzip"))),
    "orc": ("orc", WriteSettings(row_group_bytes=20_000)),
    "orc, sorted": ("orc", WriteSettings(sort_by=("country", "big"))),
    "orc, gzip": ("orc", WriteSettings(orc=OrcSettings(compression="gzip"))),
    "orc, none": ("orc", WriteSettings(orc=OrcSettings(compression="none"))),
}
NEWER = {
    "parquet, int64": ("parquet", WriteSettings(parquet=ParquetSettings(timestamps="int64"))),
    "parquet, zstd": ("parquet", WriteSettings(parquet=ParquetSettings(compression="zstd"))),
    "orc, zstd": ("orc", WriteSettings(orc=OrcSettings(compression="zstd"))),
}
"""What Hive 2.3 is too old for."""


def changes_of(rows: list[dict[str, Any]]) -> pa.Table:
    """Inserts, as the router hands them to a split."""
    meta = {
        ":key": pa.array([row["id"].encode() for row in rows], pa.binary()),
        ":kind": pa.array([2] * len(rows), pa.int8()),
        ":version": pa.array([1] * len(rows), pa.int64()),
    }
    data = pa.Table.from_pylist(rows, arrow_schema(COLUMNS))
    return pa.table([*meta.values(), *data.columns], names=[*meta, *data.column_names])


def raw_keys(batch: pa.RecordBatch, partition: tuple[str, ...]) -> pa.Array:
    return batch.column("id").cast(pa.binary())


def write(folder: Path, format: str, settings: WriteSettings, rows: list[dict[str, Any]]) -> Path:
    """One split, written by the loader's own code."""
    counted = change_set([Change("k", "v", "p", None)])
    plan = plan_batch(
        1,
        AttemptId("b1"),
        {},
        count_changes(counted.rows, counted.partitions),
        columns=COLUMNS,
        format=format,
        locate=lambda _: str(folder),
        parallelism=1,
    )
    FILES.make_dirs(str(folder))
    tools = Tools(FILES, raw_keys, COLUMNS, format, settings=settings)
    rewrite_split(works_of(plan)[0], changes_of(rows), tools, str(folder) + ".temporary")
    return folder / plan.splits[0].name


def write_as(folder: Path, setting: str) -> str:
    """ALL as one split, written by these settings; its format. It takes a second merge to leave what hardly shrinks."""
    format, settings = (SETTINGS | NEWER)[setting]
    if not setting.endswith("some stored"):
        write(folder, format, settings, ALL)
        return format
    first = write(folder.with_suffix(".first"), format, settings, ALL)
    FILES.make_dirs(str(folder))
    old, guess = DataFile(first.name, WHOLE, len(ALL), first.stat().st_size), Estimate(0.0)
    split = SplitPlan(("p",), WHOLE, (old,), first.name, guess, 0, 0.0, guess)
    work = SplitWork(split, str(first.parent), format, str(folder))
    tools = Tools(FILES, raw_keys, COLUMNS, format, settings=settings)
    rewrite_split(work, changes_of([]), tools, str(folder) + ".temporary")
    return format


@pytest.fixture(scope="module")
def metastore(hms: Metastore23) -> Iterator[Metastore]:
    client = connect([hms.uri])
    client.create_database("formats")
    yield client
    client.close()


def publish(metastore: Metastore, name: str, format: str, folder: Path) -> str:
    """A Hive table with one partition at `folder`, as the loader makes them."""
    table = TableName("formats", name)
    columns = tuple(Column(column, kind) for column, kind in COLUMNS)
    place = f"file://{folder.parent}/table-{name}"
    storage = FORMATS[format]
    metastore.create_table(
        Table(table, columns, (Column("p", "string"),), place, storage, parameters={"EXTERNAL": "TRUE"})
    )
    metastore.add_partitions(table, [Partition(("p",), f"file://{folder}", columns, storage, {})])
    return str(table)


def by_key(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A map's entries have no order: Hive's reader gives them in that of their hashes."""
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: row | {"named": sorted(row["named"]) if row["named"] else row["named"]} for row in rows}


def through_hive(spark: SparkSession, table: str, native: bool) -> dict[str, dict[str, Any]]:
    for kind in ("Parquet", "Orc"):
        spark.conf.set(f"spark.sql.hive.convertMetastore{kind}", str(native).lower())
    try:
        read = spark.table(table).selectExpr("* except (p, at)", "cast(at as string) at").toArrow()
    finally:
        for kind in ("Parquet", "Orc"):
            spark.conf.unset(f"spark.sql.hive.convertMetastore{kind}")
    return by_key(read.to_pylist())


def expected() -> dict[str, dict[str, Any]]:
    return {row["id"]: row | {"at": spelled(row["at"])} for row in ALL}


def spelled(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond:06d}".rstrip("0").rstrip(".")


def differing(found: dict[str, dict[str, Any]]) -> dict[str, tuple[Any, Any]]:
    """Column → (found, expected) of the first row that differs in it."""
    wrong: dict[str, tuple[Any, Any]] = {}
    for key, row in expected().items():
        for name, value in row.items():
            if found[key][name] != value:
                wrong.setdefault(name, (found[key][name], value))
    return wrong


QUICK = ("parquet, sorted", "parquet, some stored", "orc")


def settings_of(names: Iterable[str]) -> list[Any]:
    """All of them, of which `make test` runs a few: each is a table, and a Spark job."""
    return [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("setting", settings_of(SETTINGS))
def test_hive_2_3_reads_every_type_as_it_was_given(
    spark: SparkSession, metastore: Metastore, tmp_path: Path, setting: str
) -> None:
    format = write_as(tmp_path / "version", setting)
    table = publish(metastore, "hive_" + setting.replace(", ", "_").replace(" ", "_"), format, tmp_path / "version")
    assert differing(through_hive(spark, table, native=False)) == {}


@pytest.mark.parametrize("setting", settings_of(SETTINGS | NEWER))
def test_spark_reads_every_type_as_it_was_given(
    spark: SparkSession, metastore: Metastore, tmp_path: Path, setting: str
) -> None:
    format = write_as(tmp_path / "version", setting)
    table = publish(metastore, "spark_" + setting.replace(", ", "_").replace(" ", "_"), format, tmp_path / "version")
    assert differing(through_hive(spark, table, native=True)) == {}


@pytest.mark.parametrize("setting", [name for name in SETTINGS | NEWER if name.startswith("parquet")])
def test_duckdb_reads_every_type_as_it_was_given(tmp_path: Path, setting: str) -> None:
    write_as(tmp_path / "version", setting)
    read = duckdb.sql(
        f"""SELECT * REPLACE (CAST("at" AS TIMESTAMP) AS "at") FROM read_parquet('{tmp_path}/version/*')"""
    ).to_arrow_table()
    found = by_key(read.to_pylist())
    assert differing({key: row | {"at": spelled(row["at"])} for key, row in found.items()}) == {}


@pytest.mark.parametrize("setting", SETTINGS | NEWER)
def test_we_read_back_what_we_wrote(tmp_path: Path, setting: str) -> None:
    format = write_as(tmp_path / "version", setting)
    (path,) = (tmp_path / "version").iterdir()
    found = [row for batch in read_rows(FILES, str(path), format, COLUMNS) for row in batch.to_pylist()]
    assert by_key(found) == by_key(ALL)


def test_only_columns_that_hardly_shrink_are_left_uncompressed(tmp_path: Path) -> None:
    write_as(tmp_path / "version", "parquet, some stored")
    (old,), (new,) = (tmp_path / "version.first").iterdir(), (tmp_path / "version").iterdir()
    hardly = {name for name, (codec, share) in codecs(old).items() if share > HARDLY and "." not in name}
    assert {codec for codec, _ in codecs(old).values()} == {"SNAPPY"}
    assert {name for name, (codec, _) in codecs(new).items() if codec == "UNCOMPRESSED"} == hardly
    assert 1 < len(hardly) < len(COLUMNS) - 3


def codecs(path: Path) -> dict[str, tuple[str, float]]:
    """Of each leaf: its codec, and which share of its bytes that left."""
    group = pq.read_metadata(path).row_group(0)
    chunks = [group.column(place) for place in range(group.num_columns)]
    return {
        chunk.path_in_schema: (chunk.compression, chunk.total_compressed_size / chunk.total_uncompressed_size)
        for chunk in chunks
    }


def test_sorted_files_are_in_order_and_say_so(tmp_path: Path) -> None:
    path = write(tmp_path / "version", *SETTINGS["parquet, sorted"], ALL)
    rows = pq.read_table(path, columns=["country", "big"]).to_pylist()
    assert rows == sorted(rows, key=lambda row: (row["country"] is None, row["country"] or "", row["big"] or 0))
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    assert len(groups) > 1
    assert all(len(group.sorting_columns) == 2 for group in groups)
    country = next(i for i in range(metadata.num_columns) if metadata.schema.column(i).path == "country")
    ends = [(found.min, found.max) for found in (group.column(country).statistics for group in groups)]
    assert ends == sorted(ends)
    assert (ends[0][0], ends[-1][1]) == ("at", "us")


def test_stripes_of_orc_keep_to_their_size(tmp_path: Path) -> None:
    settings = WriteSettings(orc=OrcSettings(compression="none", stripe_bytes=1 << 16), row_group_bytes=1 << 16)
    path = write(
        tmp_path / "version", "orc", settings, [row | {"id": f"{n}{row['id']}"} for n in range(20) for row in ROWS]
    )
    assert orc.ORCFile(path).nstripes > 3


@pytest.mark.parametrize(
    ("format", "sort_by"),
    [
        ("parquet", ()),
        pytest.param("orc", (), marks=pytest.mark.slow),
        pytest.param("parquet", ("number",), marks=pytest.mark.slow),
    ],
)
def test_a_split_of_many_row_groups_is_streamed_in_the_memory_of_a_few(
    tmp_path: Path, format: str, sort_by: tuple[str, ...]
) -> None:
    """The most memory that Arrow ever held does not grow with the file: 6 row groups of 4 MB against 24."""
    peaks = [peak_of(tmp_path / str(groups), format, groups, sort_by) for groups in (6, 24)]
    assert peaks[1] < 1.3 * peaks[0]
    assert peaks[1] < 24 * 4 * MEBIBYTE / 2


def peak_of(folder: Path, format: str, groups: int, sort_by: tuple[str, ...]) -> int:
    """The first call builds the file, so that the second one's peak is that of the rewrite alone."""
    folder.mkdir()
    command = [sys.executable, "-m", "tests.integration.peak", str(folder), format, str(groups), *sort_by]
    calls = [subprocess.run(command, check=False, capture_output=True, text=True, timeout=120) for _ in range(2)]
    assert [call.returncode for call in calls] == [0, 0], calls[-1].stderr
    return int(calls[1].stdout)


@pytest.mark.parametrize("format", ["parquet", "orc"])
def test_columns_that_are_not_asked_for_are_left_out_and_names_match_without_case(tmp_path: Path, format: str) -> None:
    path = write(tmp_path / "version", format, WriteSettings(), ALL)
    wanted = (("PAIR", "struct<a:int,b:string>"), ("missing", "int"), ("id", "string"))
    rows = [row for batch in read_rows(FILES, str(path), format, wanted) for row in batch.to_pylist()]
    assert rows[7] == {"PAIR": ROWS[7]["pair"], "missing": None, "id": "k0007"}
    none = [row for batch in read_rows(FILES, str(path), format, wanted[1:2]) for row in batch.to_pylist()]
    assert none == [{"missing": None}] * len(ALL)
