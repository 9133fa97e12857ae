"""The HBase source on a real HBase: which keys a window finds, what their rows are, what it says when it cannot."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from devservers.hbase import HBase
from loader.basics.errors import SourceError, Unavailable
from loader.mapping.build import build_mapping
from loader.sources.hbase.access.api import HBaseClient, Scan
from loader.sources.hbase.access.large_rows import size_of
from loader.sources.hbase.access.where import THRIFT
from loader.sources.hbase.dirty_keys import DirtyKeys
from loader.sources.hbase.reread import HBaseRowReader
from loader.sources.hbase.sample import sample
from loader.sources.hbase.scan import scan_window
from loader.sources.hbase.thrift2.client import (
    DeleteType,
    Endpoint,
    NoSuchFamily,
    NoSuchTable,
    Patience,
    TColumn,
    TColumnValue,
    TDelete,
    TGet,
    Thrift2,
    TPut,
    TScan,
)
from loader.sources.hbase.thrift2.connection import Connection, ScannerGone
from loader.sources.hbase.thrift2.cursor import ANSWER, FIRST
from loader.sources.hbase.windows import Window
from loader.sources.rows import ReadRows
from partitioner.changes.change_set import NOWHERE, Op
from tests.hbase_ways import WAYS, client_of

MAPPING = build_mapping({"id": "string", "campaign": "string", "clicks": "bigint"}, ":key,d:c,d:n#b", ("campaign",))
_numbers = itertools.count(1)


class Table:
    """A fresh table with short ways to change and read it. Timestamps are given, so that windows are exact."""

    def __init__(self, hbase: HBase, way: str, **settings: Any) -> None:
        self.hbase, self.way, self.name = hbase, way, f"t{next(_numbers)}"
        hbase.create_table(self.name, ["d", "e"], **settings)
        self.client = self.connect()
        self.writer = Thrift2(Endpoint.parse(self.hbase.thrift), Patience(seconds=20))

    def connect(self) -> HBaseClient:
        return client_of(self.hbase, self.way)

    def put(self, key: bytes, timestamp: int, campaign: bytes = b"red", clicks: int = 1) -> None:
        cells = {b"c": campaign, b"n": clicks.to_bytes(8, "big")}
        values = [TColumnValue(family=b"d", qualifier=q, value=v) for q, v in cells.items()]
        self.writer.put(self.name, TPut(row=key, columnValues=values, timestamp=timestamp))

    def put_many(self, keys: list[bytes], timestamp: int) -> None:
        cell = [TColumnValue(family=b"d", qualifier=b"c", value=b"red")]
        for start in range(0, len(keys), 1000):
            puts = [TPut(row=key, columnValues=cell, timestamp=timestamp) for key in keys[start : start + 1000]]
            self.writer.put_multiple(self.name, puts)

    def put_cell(self, key: bytes, timestamp: int, family: bytes, qualifier: bytes, value: bytes) -> None:
        cell = TColumnValue(family=family, qualifier=qualifier, value=value)
        self.writer.put(self.name, TPut(row=key, columnValues=[cell], timestamp=timestamp))

    def delete(self, key: bytes, timestamp: int) -> None:
        self.writer.delete(self.name, TDelete(row=key, timestamp=timestamp))

    def delete_column(self, key: bytes, timestamp: int, qualifier: bytes, kind: int) -> None:
        column = TColumn(family=b"d", qualifier=qualifier, timestamp=timestamp)
        self.writer.delete(self.name, TDelete(row=key, columns=[column], deleteType=kind))

    def dirty(self, start_ms: int, end_ms: int) -> DirtyKeys:
        return scan_window(self.connect, self.name, MAPPING.families, Window(start_ms, end_ms, True, start_ms))

    def keys(self, start_ms: int, end_ms: int) -> list[bytes]:
        found: list[bytes] = self.dirty(start_ms, end_ms).keys.to_pylist()
        return found

    def read(self, *keys: bytes) -> ReadRows:
        return HBaseRowReader(self.connect, self.name, MAPPING).read(keys, at_ms=9999)

    def close(self) -> None:
        self.client.close()
        self.writer.close()
        self.hbase.drop(self.name)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """How HBase is read. Puts and deletes of the tests go through Thrift2."""
    return str(request.param)


@pytest.fixture
def new_table(hbase: HBase, way: str) -> Iterator[Callable[..., Table]]:
    made: list[Table] = []

    def make(**settings: Any) -> Table:
        made.append(Table(hbase, way, **settings))
        return made[-1]

    yield make
    for table in made:
        table.close()


@pytest.fixture
def table(new_table: Callable[..., Table]) -> Table:
    return new_table(settings={"VERSIONS": "3"})


def summary(read: ReadRows) -> list[tuple[Any, ...]]:
    return [
        (
            row[":key"],
            Op(row[":op"]).name,
            row["clicks"],
            read.partitions[row[":target"]] if row[":target"] >= 0 else None,
        )
        for row in read.rows.to_pylist()
    ]


# Which keys are dirty


def test_a_window_is_closed_at_its_start_and_open_at_its_end(table: Table) -> None:
    for timestamp in (99, 100, 199, 200):
        table.put(b"%d" % timestamp, timestamp)
    assert table.keys(100, 200) == [b"100", b"199"]


def test_an_empty_window_finds_nothing(table: Table) -> None:
    table.put(b"k", 100)
    assert table.keys(500, 600) == []


DELETES: list[tuple[str, Callable[[Table], None]]] = [
    ("row", lambda table: table.delete(b"k", 150)),
    ("column", lambda table: table.delete_column(b"k", 150, b"c", DeleteType.COLUMN)),
    ("version", lambda table: table.delete_column(b"k", 150, b"c", DeleteType.VERSION)),
    ("family", lambda table: table.writer.delete(table.name, _family_delete(DeleteType.FAMILY))),
    ("family version", lambda table: table.writer.delete(table.name, _family_delete(DeleteType.FAMILY_VERSION))),
]


def _family_delete(kind: int) -> Any:
    return TDelete(row=b"k", columns=[TColumn(family=b"d", timestamp=150)], deleteType=kind)


@pytest.mark.parametrize("delete", [delete for _, delete in DELETES], ids=[name for name, _ in DELETES])
def test_every_kind_of_delete_marker_makes_its_row_dirty(table: Table, delete: Callable[[Table], None]) -> None:
    table.put(b"k", 50)
    delete(table)
    assert table.keys(100, 200) == [b"k"]


def test_flushed_cells_are_found_like_those_in_memory(table: Table) -> None:
    table.put(b"a", 100)
    table.hbase.flush(table.name)
    table.put(b"b", 100)
    assert table.keys(100, 101) == [b"a", b"b"]


def test_an_overwrite_within_one_millisecond_changes_the_mark(table: Table) -> None:
    table.put(b"k", 100, clicks=1)
    before = table.dirty(100, 101).marks
    table.put(b"k", 100, clicks=2)
    assert table.dirty(100, 101).marks != before


def test_marks_are_those_of_the_cells_wherever_they_lie(table: Table) -> None:
    table.put(b"k", 100)
    before = table.dirty(100, 101).marks
    table.hbase.flush(table.name)
    assert table.dirty(100, 101).marks == before


def test_marks_of_one_timestamp_do_not_depend_on_the_window(table: Table) -> None:
    table.put(b"k", 100)
    table.put(b"k", 150)
    assert table.dirty(120, 200).marks[b"k"] < table.dirty(0, 200).marks[b"k"]


def test_cells_in_other_families_are_not_looked_at(table: Table) -> None:
    table.put_cell(b"k", 100, b"e", b"x", b"")
    assert table.keys(0, 1000) == []


def test_the_first_window_finds_rows_that_are_old_new_or_only_deleted(table: Table) -> None:
    """Of what is older than any mark it asks for keys alone."""
    table.put(b"new", 900)
    table.put(b"old", 100)
    table.put(b"old and new", 100)
    table.put(b"old and new", 900)
    table.delete(b"never there", 100)
    table.delete_column(b"version", 100, b"c", DeleteType.VERSION)
    first = scan_window(table.connect, table.name, MAPPING.families, Window(0, 1000, True, 500))
    assert first.keys.to_pylist() == [b"never there", b"new", b"old", b"old and new", b"version"]
    assert sorted(first.unmarked) == [b"never there", b"old", b"old and new", b"version"]
    assert sorted(first.marks) == [b"new", b"old and new"]


def test_threads_find_what_one_finds(new_table: Callable[..., Table]) -> None:
    table = new_table(splits=[b"%d" % number for number in range(1, 10)])
    keys = [b"%03d" % number for number in range(1000)]
    table.put_many(keys, 100)
    window = Window(0, 1000, True, 0)
    found = scan_window(table.connect, table.name, MAPPING.families, window, threads=2)
    assert (found.keys.to_pylist(), found.marks) == (keys, table.dirty(0, 1000).marks)


# Large rows


@pytest.mark.parametrize("way", [THRIFT], indirect=True)
def test_megabyte_values_come_few_at_a_time(table: Table) -> None:
    for number in range(60):
        table.put_cell(b"%03d" % number, 100, b"d", b"c", b"x" * (1 << 20))
    batches = list(table.client.scan_packed(table.name, Scan(), rows=2000))
    assert [len(batch) for batch in batches][:3] == [FIRST, 3, 3]
    assert max(size_of(batch) for batch in batches[1:]) < 2 * ANSWER


def test_a_row_of_thousands_of_columns_is_found_and_read(table: Table) -> None:
    values = [TColumnValue(family=b"d", qualifier=b"x%05d" % number, value=b"v" * 100) for number in range(8000)]
    table.writer.put(table.name, TPut(row=b"wide", columnValues=values, timestamp=100))
    table.put(b"wide", 100)
    table.put(b"narrow", 100)
    assert table.keys(100, 101) == [b"narrow", b"wide"]
    keys = [b"narrow", b"wide", *(b"none%03d" % number for number in range(200))]
    assert [line[1] for line in summary(table.read(*keys))][:2] == ["UPSERT", "DELETE"]
    assert summary(table.read(b"wide")) == [(b"wide", "UPSERT", 1, ("red",))]


# Regions


def test_all_regions_are_scanned(new_table: Callable[..., Table]) -> None:
    table = new_table(splits=[b"g", b"p"])
    keys = [b"a", b"g", b"h", b"p", b"z"]
    table.put_many(keys, 100)
    assert table.keys(100, 101) == keys


def test_a_region_split_between_two_windows_loses_nothing(table: Table) -> None:
    table.put_many([b"%04d" % number for number in range(100)], 100)
    table.hbase.split(table.name, b"0050")
    table.put(b"0049", 200)
    table.put(b"0050", 200)
    assert len(table.keys(100, 201)) == 100
    assert table.keys(200, 201) == [b"0049", b"0050"]


def test_a_region_split_in_mid_scan_loses_and_doubles_nothing(table: Table) -> None:
    keys = [b"%05d" % number for number in range(3000)]
    table.put_many(keys, 100)
    batches = table.client.scan(table.name, Scan(caching=100), rows=100)
    found = [row.row for row in next(batches)]
    table.hbase.split(table.name, b"01500")
    found += [row.row for batch in batches for row in batch]
    assert found == keys


# Scanners that end before their time


@pytest.mark.parametrize("way", [THRIFT], indirect=True)
def test_a_scan_goes_on_behind_the_last_row_when_the_server_has_forgotten_its_scanner(table: Table) -> None:
    keys = [b"%03d" % number for number in range(30)]
    table.put_many(keys, 100)
    batches = table.client.scan(table.name, Scan(), rows=10)
    found = [row.row for row in next(batches)]
    table.hbase.stop_thrift()
    table.hbase.start_thrift()
    found += [row.row for batch in batches for row in batch]
    assert found == keys


def test_a_scan_goes_on_when_another_call_of_the_client_lost_the_connection(table: Table) -> None:
    keys = [b"%03d" % number for number in range(30)]
    table.put_many(keys, 100)
    batches = table.client.scan(table.name, Scan(), rows=10)
    found = [row.row for row in next(batches)]
    table.client.close()
    found += [row.row for batch in batches for row in batch]
    assert found == keys


@pytest.mark.parametrize("way", [THRIFT], indirect=True)
def test_a_scan_goes_on_when_its_scanner_has_expired(table: Table) -> None:
    """Scanner ids are small numbers that all connections share: so another one can end ours, as its lease would."""
    keys = [b"%03d" % number for number in range(30)]
    table.put_many(keys, 100)
    other = Connection(Endpoint.parse(table.hbase.thrift))
    before = other.call("openScanner", table=table.name.encode(), tscan=TScan())
    batches = table.client.scan(table.name, Scan(), rows=10)
    found = [row.row for row in next(batches)]
    other.call("closeScanner", scannerId=before + 1)
    found += [row.row for batch in batches for row in batch]
    other.close()
    assert found == keys


def test_an_unknown_scanner_has_an_error_of_its_own(hbase: HBase) -> None:
    with closing(Connection(Endpoint.parse(hbase.thrift))) as connection, pytest.raises(ScannerGone):
        connection.call("getScannerRows", scannerId=123456, numRows=1)


# Rows as they are now


def test_a_row_is_read_as_it_is_now(table: Table) -> None:
    table.put(b"k", 100, b"red", 1)
    table.put(b"k", 200, b"blue", 2)
    assert summary(table.read(b"k")) == [(b"k", "UPSERT", 2, ("blue",))]


def test_a_row_that_is_gone_is_deleted(table: Table) -> None:
    table.put(b"k", 100)
    table.delete(b"k", 150)
    assert summary(table.read(b"k", b"never")) == [(b"k", "DELETE", None, None), (b"never", "DELETE", None, None)]


def test_a_version_delete_brings_the_older_value_back(table: Table) -> None:
    table.put(b"k", 100, clicks=1)
    table.put(b"k", 200, clicks=2)
    table.delete_column(b"k", 200, b"n", DeleteType.VERSION)
    assert summary(table.read(b"k")) == [(b"k", "UPSERT", 1, ("red",))]


def test_a_row_with_cells_in_unmapped_columns_only_is_deleted(table: Table) -> None:
    table.put_cell(b"k", 100, b"d", b"unmapped", b"x")
    table.put_cell(b"k", 100, b"e", b"c", b"x")
    assert summary(table.read(b"k")) == [(b"k", "DELETE", None, None)]


def test_versions_are_cell_times_and_for_deletes_the_time_of_the_read(table: Table) -> None:
    table.put(b"k", 150)
    assert table.read(b"gone", b"k").rows[":version"].to_pylist() == [9999, 150]


def test_an_undecodable_row_is_rejected_with_its_cells(table: Table) -> None:
    table.put_cell(b"bad", 100, b"d", b"n", b"12")
    table.put(b"good", 100)
    read = table.read(b"bad", b"good")
    assert [row[0] for row in summary(read)] == [b"good"]
    assert [(bad.key, bad.column, bad.cells) for bad in read.rejected] == [
        (b"bad", "clicks", ((b"d", b"n", 100, b"12"),))
    ]


def test_a_filtered_scan_reads_exactly_what_gets_read(table: Table) -> None:
    present = [b"%04d" % number for number in range(0, 900, 3)]
    table.put_many(present, 100)
    asked = [b"%04d" % number for number in range(0, 900, 2)]
    scanned = table.read(*asked)
    got = [table.read(*asked[start : start + 50]) for start in range(0, len(asked), 50)]
    assert summary(scanned) == [line for read in got for line in summary(read)]


def test_large_rows_are_read_in_portions_and_scattered_ones_by_gets(new_table: Callable[..., Table]) -> None:
    table = new_table(splits=[b"%02d" % number for number in range(1, 40)])
    keys = [b"%03d" % number for number in range(0, 400, 3)]
    for key in keys[:50]:
        table.put_cell(key, 100, b"d", b"c", key * 300_000)
    table.put_many(keys[50:], 100)
    read = table.read(*keys, *(key + b"x" for key in keys))
    assert [(row[":key"], Op(row[":op"]).name) for row in read.rows.select([":key", ":op"]).to_pylist()] == sorted(
        [(key, "UPSERT") for key in keys[50:]] + [(key + b"x", "DELETE") for key in keys]
    )
    assert [bad.key for bad in read.rejected] == keys[:50]  # no partition has such a name


def test_chunks_together_are_the_whole(table: Table) -> None:
    keys = [b"%03d" % number for number in range(25)]
    table.put_many(keys, 100)
    chunks = list(HBaseRowReader(table.connect, table.name, MAPPING).read_chunks(keys, 9999, chunk=10))
    assert [len(chunk.rows) for chunk in chunks] == [10, 10, 5]
    assert [key for chunk in chunks for key in chunk.rows[":key"].to_pylist()] == keys


def test_a_delete_goes_to_the_keys_own_partition_where_the_key_tells(table: Table) -> None:
    columns = {"campaign": "string", "ad": "string", "clicks": "bigint"}
    row_key = {"columns": ["campaign", "ad"], "delimiter": "|"}
    mapping = build_mapping(columns, {"clicks": "d:n#b"}, ("campaign",), row_key=row_key)
    table.put(b"red|1", 100)
    read = HBaseRowReader(table.connect, table.name, mapping).read([b"red|1", b"blue|2", b"no delimiter"], 9999)
    assert summary(read) == [(b"blue|2", "DELETE", None, ("blue",)), (b"red|1", "UPSERT", 1, ("red",))]
    assert NOWHERE not in read.rows[":target"].to_pylist()


def test_a_sample_shows_bytes_beside_values_and_reasons(table: Table) -> None:
    table.put(b"k", 100, clicks=7)
    table.put_cell(b"l", 100, b"d", b"n", b"7")
    shown = [
        (line.key, line.column, line.raw, line.value, line.reason) for line in sample(table.client, table.name, MAPPING)
    ]
    assert (b"k", "clicks", b"\0\0\0\0\0\0\0\7", 7, None) in shown
    assert (b"l", "clicks", b"7", None, "1 bytes instead of 8") in shown


# What cannot work is said


def test_a_table_that_does_not_exist_is_an_error_and_no_empty_scan(hbase: HBase, way: str) -> None:
    def connect() -> HBaseClient:
        return client_of(hbase, way)

    with pytest.raises(NoSuchTable, match="no table 'nowhere'"):
        scan_window(connect, "nowhere", [b"d"], Window(0, 1, True, 0))
    with pytest.raises(NoSuchTable):
        HBaseRowReader(connect, "nowhere", MAPPING).read([b"k"], 0)


def test_a_family_that_does_not_exist_is_named_with_those_that_do(table: Table) -> None:
    with pytest.raises(NoSuchFamily, match="no column family 'zz'") as caught:
        scan_window(table.connect, table.name, [b"zz"], Window(0, 1, True, 0))
    assert "d, e" in caught.value.hint


def test_a_table_dropped_in_mid_scan_is_an_error(hbase: HBase, way: str) -> None:
    table = Table(hbase, way)
    table.put_many([b"%03d" % number for number in range(30)], 100)
    batches = table.client.scan(table.name, Scan(caching=10), rows=10)
    next(batches)
    table.close()
    with pytest.raises((SourceError, Unavailable)):
        list(batches)


@pytest.mark.parametrize("way", [THRIFT], indirect=True)
def test_a_client_heals_when_its_server_comes_back(table: Table) -> None:
    table.put(b"k", 100)
    table.hbase.stop_thrift()
    table.hbase.start_thrift()
    assert table.writer.get(table.name, TGet(row=b"k")).row == b"k"
