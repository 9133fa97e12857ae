"""A deletion needs positive proof: whatever a region server answers wrongly, no row that is there reads as deleted."""

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

from loader.basics.errors import HotswapError
from loader.mapping.build import build_mapping
from loader.sources.hbase.access import protobuf
from loader.sources.hbase.access.api import Patience, Scan
from loader.sources.hbase.access.protobuf import of_bytes, of_int
from loader.sources.hbase.reread import Few, HBaseRowReader
from loader.sources.hbase.rpc.client import RpcClient
from loader.sources.hbase.rpc.cluster import Cluster
from loader.sources.hbase.rpc.registry import ServersRegistry
from partitioner.changes.change_set import Op
from tests.fake_hbase import PACKAGE, TABLE, Answer, Cell, Cuts, FakeHBase, FakeRegion, Fault, Reply, Throws, served

MAPPING = build_mapping({"id": "string", "day": "string"}, ":key,d:day", ("day",))
KEYS = [b"k%02d" % number for number in range(40)]
THERE = [key for number, key in enumerate(KEYS) if number % 5]
GETS, SCAN = Few(), Few(keys=0, a_region=0)


def row(*qualifiers: bytes) -> list[Cell]:
    return [(b"d", qualifier, b"mon", 100, 4) for qualifier in qualifiers]


def fake(**options: Any) -> FakeHBase:
    regions = [FakeRegion(b"", b"k10"), FakeRegion(b"k10", b"k25"), FakeRegion(b"k25", b"")]
    return FakeHBase({key: row(b"day") for key in THERE}, **{"regions": regions} | options)


def client_of(hbase: FakeHBase, tries: int = 6, timeout_s: float = 5.0) -> RpcClient:
    registry = ServersRegistry([("127.0.0.1", hbase.port)], "me", timeout_s)
    return RpcClient(Cluster(registry, "me", timeout_s), Patience(seconds=60, tries=tries), sleep=lambda _: None)


def read(hbase: FakeHBase, few: Few, tries: int = 6) -> dict[bytes, str]:
    rows = HBaseRowReader(lambda: client_of(hbase, tries), TABLE, MAPPING, few=few).read(KEYS, 1).rows
    return {row[":key"]: Op(row[":op"]).name for row in rows.select([":key", ":op"]).to_pylist()}


TRUTH = {key: "UPSERT" if key in THERE else "DELETE" for key in KEYS}


def changed(change: Callable[[list[bytes]], list[bytes]]) -> Fault:
    """Another list of regions' results, with the cells of just those rows that are still answered as they were."""

    def fault(request: protobuf.Fields, answer: Answer) -> Reply:
        told = answer(request)
        before = protobuf.messages(protobuf.fields(told.message), 1)
        cells = iter(cells_in(told.cells))
        sent = [[(row, next(cells) if cells_told(row) else b"") for row in rows_in(result)] for result in before]
        after = change(list(before))
        kept = [dict(rows).get(row, b"") for rows, result in zip(sent, after, strict=False) for row in rows_in(result)]
        return Reply(b"".join(of_bytes(1, result) for result in after), b"".join(kept))

    return fault


def rows_in(result: bytes) -> list[bytes]:
    return protobuf.messages(protobuf.fields(result), 1)


def cells_told(row: bytes) -> int:
    """None or one."""
    return protobuf.an_int(protobuf.fields(protobuf.some_bytes(protobuf.fields(row), 2)), 2)


def cells_in(data: bytes) -> list[bytes]:
    found = []
    while data:
        size = 4 + int.from_bytes(data[:4], "big")
        found.append(data[:size])
        data = data[size:]
    return found


def each_row(change: Callable[[list[bytes]], list[bytes]]) -> Fault:
    """Another list of rows' answers in the first region."""

    def of_regions(results: list[bytes]) -> list[bytes]:
        rows = change(protobuf.messages(protobuf.fields(results[0]), 1))
        return [b"".join(of_bytes(1, row) for row in rows), *results[1:]]

    return changed(of_regions)


def exception(name: str) -> bytes:
    return of_bytes(1, (PACKAGE + name).encode()) + of_bytes(2, b"text")


def throws(name: str, **options: Any) -> Fault:
    def fault(request: protobuf.Fields, answer: Answer) -> Reply:
        raise Throws(name, **options)

    return fault


def cut(request: protobuf.Fields, answer: Answer) -> Reply:
    raise Cuts


def no_cells(request: protobuf.Fields, answer: Answer) -> Reply:
    return Reply(answer(request).message)


NOT_SERVING, IO = exception("NotServingRegionException"), exception("IOException")
NO_CELLS_HERE = of_int(2, 0)
MULTI: dict[str, Fault] = {
    "a region's exception": changed(lambda results: [of_bytes(2, NOT_SERVING), *results[1:]]),
    "a region's exception beside its rows": changed(lambda results: [results[0] + of_bytes(2, IO), *results[1:]]),
    "a region without an answer": changed(lambda results: results[:-1]),
    "a region with an empty answer": changed(lambda results: [b"", *results[1:]]),
    "a row's exception": each_row(lambda rows: [of_int(1, 0) + of_bytes(3, IO), *rows[1:]]),
    "every row's exception": each_row(lambda rows: [of_int(1, at) + of_bytes(3, IO) for at in range(len(rows))]),
    "too large an answer": each_row(
        lambda rows: [*rows[:-1], rows[-1] + of_bytes(3, exception("MultiActionResultTooLarge"))]
    ),
    "a row without an answer": each_row(lambda rows: rows[1:]),
    "the last row without an answer": each_row(lambda rows: rows[:-1]),
    "a row with neither result nor error": each_row(lambda rows: [of_int(1, 0), *rows[1:]]),
    "a row of a replica": each_row(lambda rows: [of_int(1, 0) + of_bytes(2, NO_CELLS_HERE + of_int(4, 1)), *rows[1:]]),
    "a part of a row": each_row(lambda rows: [of_int(1, 0) + of_bytes(2, NO_CELLS_HERE + of_int(5, 1)), *rows[1:]]),
    "rows in another order": each_row(lambda rows: rows[::-1]),
    "fewer cells than told": no_cells,
    "an exception": throws("RegionTooBusyException"),
    "a connection that breaks": cut,
}


@pytest.mark.parametrize("fault", MULTI.values(), ids=MULTI.keys())
@pytest.mark.parametrize("times", [1, 3])
def test_gets_answered_wrongly_are_asked_again(fault: Fault, times: int) -> None:
    with served(fake()) as hbase:
        hbase.fail("Multi", *[fault] * times)
        assert read(hbase, GETS) == TRUTH


@pytest.mark.parametrize("fault", MULTI.values(), ids=MULTI.keys())
def test_gets_answered_wrongly_for_ever_are_an_error_and_no_deletion(fault: Fault) -> None:
    with served(fake()) as hbase:
        hbase.fail("Multi", *[fault] * 100)
        with pytest.raises(HotswapError):
            read(hbase, GETS, tries=3)


def told_otherwise(change: Callable[[dict[int, list[int | bytes]]], None]) -> Fault:
    """Another ScanResponse, with the same cells."""

    def fault(request: protobuf.Fields, answer: Answer) -> Reply:
        told = answer(request)
        found = protobuf.fields(told.message)
        change(found)
        spelled = (of_int(number, int(value)) for number, values in found.items() for value in values)
        return Reply(b"".join(spelled), told.cells)

    return fault


def empty(request: protobuf.Fields, answer: Answer) -> Reply:
    """A heartbeat that names no scanner, and says there is more."""
    return Reply(of_int(3, 1) + of_int(8, 1))


def sets(number: int, *values: int) -> Fault:
    return told_otherwise(lambda found: found.__setitem__(number, list(values)))


SCANS: dict[str, Fault] = {
    "it does not say whether the region has more": told_otherwise(lambda found: found.pop(8)),
    "rows of a replica": sets(6, 1),
    "more, and no scanner": empty,
    "fewer cells than told": no_cells,
    "the region is not there": throws("NotServingRegionException"),
    "the region moved to where it is": throws("RegionMovedException", moved_to=("127.0.0.1", 1)),
    "the scanner is gone": throws("UnknownScannerException", do_not_retry=True),
    "the lease ran out": throws("LeaseException", do_not_retry=True),
    "the scanner was reset": throws("ScannerResetException", do_not_retry=True),
    "the calls are out of order": throws("OutOfOrderScannerNextException", do_not_retry=True),
    "the server stops": throws("RegionServerStoppedException"),
    "too many calls": throws("CallQueueTooBigException"),
    "throttled": throws("RpcThrottlingException", text="number of requests exceeded - wait 1sec, 20ms"),
    "an exception that nobody knows": throws("SomethingException"),
    "a connection that breaks": cut,
}


@pytest.mark.parametrize("fault", SCANS.values(), ids=SCANS.keys())
@pytest.mark.parametrize("call", range(5))
def test_scans_answered_wrongly_go_on_behind_the_last_row(fault: Fault, call: int) -> None:
    """At any call; answers end in mid-row, too."""
    wide = {key: row(b"a", b"b", b"c", b"day") for key in THERE}
    with served(fake(cells_an_answer=7)) as hbase:
        hbase.rows = wide
        hbase.fail("Scan", *[None] * call, fault)
        assert read(hbase, SCAN) == TRUTH
        hbase.fail("Scan", *[None] * call, fault)
        found = [(row.row, len(row.columnValues)) for rows in client_of(hbase).scan(TABLE, Scan(), 3) for row in rows]
        assert found == [(key, 4) for key in THERE]


@pytest.mark.parametrize("fault", SCANS.values(), ids=SCANS.keys())
def test_scans_answered_wrongly_for_ever_are_an_error_and_no_deletion(fault: Fault) -> None:
    with served(fake()) as hbase:
        hbase.fail("Scan", *[fault] * 100)
        with pytest.raises(HotswapError):
            read(hbase, SCAN, tries=3)


def test_a_scan_without_a_filter_does_not_end_before_its_region() -> None:
    with served(fake(cells_an_answer=3)) as hbase:
        hbase.fail("Scan", None, sets(3, 0))
        found = [row.row for rows in client_of(hbase).scan(TABLE, Scan(), 2) for row in rows]
        assert found == THERE


def heartbeat(request: protobuf.Fields, answer: Answer) -> Reply:
    """No rows yet, but the scanner goes on: what a server says when its time for one call is over."""
    if 3 not in request:
        return answer(request)
    return Reply(of_int(2, protobuf.an_int(request, 3)) + of_int(3, 1) + of_int(8, 1))


def test_a_heartbeat_without_rows_is_neither_the_end_nor_a_failure() -> None:
    with served(fake(cells_an_answer=3)) as hbase:
        hbase.fail("Scan", *[heartbeat] * 9)
        found = [row.row for rows in client_of(hbase, tries=1).scan(TABLE, Scan(), 2) for row in rows]
        assert found == THERE


def test_a_hole_in_meta_is_waited_for_and_not_passed_over() -> None:
    """As in the middle of a split: the parent is gone from it, one daughter is not there yet."""
    with served(fake()) as hbase:
        whole = hbase.regions
        hbase.regions = [whole[0], whole[2]]
        for few in (GETS, SCAN):
            with pytest.raises(HotswapError, match="on no server now"):
                read(hbase, few, tries=3)
        hbase.regions = whole
        assert read(hbase, GETS) == TRUTH


def test_regions_that_split_and_merge_between_calls_lose_and_double_nothing() -> None:
    layouts = [
        [FakeRegion(b"", b"", 9)],
        [FakeRegion(b"", b"k20", 5), FakeRegion(b"k20", b"", 5)],
        [FakeRegion(b"", b"k07", 6), FakeRegion(b"k07", b"k08", 6), FakeRegion(b"k08", b"", 6)],
    ]
    with served(fake(cells_an_answer=3)) as hbase:
        client, turns = client_of(hbase), itertools.cycle(layouts)
        for step in range(1, 6):
            found = []
            for number, rows in enumerate(client.scan(TABLE, Scan(), 2)):
                found += [row.row for row in rows]
                if number % step == 0:
                    hbase.regions = next(turns)
            assert found == THERE


def test_a_table_that_goes_in_the_middle_of_a_reread_is_no_deletion() -> None:
    with served(fake()) as hbase:

        def dropped(request: protobuf.Fields, answer: Answer) -> Reply:
            hbase.state, hbase.rows = None, {}
            return answer(request)

        hbase.fail("Multi", dropped)
        with pytest.raises(HotswapError, match="no table"):
            read(hbase, GETS)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_any_mixture_of_faults_gives_the_truth_or_an_error(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(60):
        with served(fake(cells_an_answer=chance.randint(1, 9))) as hbase:
            some = [*[None] * 3, *(SCANS | {"beats": heartbeat}).values()]
            hbase.fail("Scan", *chance.choices(some, k=12))
            hbase.fail("Multi", *chance.choices([*[None] * 2, *MULTI.values()], k=4))
            try:
                found = read(hbase, chance.choice([GETS, SCAN]), tries=5)
            except HotswapError:
                continue
            assert found == TRUTH
