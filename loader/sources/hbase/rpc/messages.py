"""The messages of reading, spelled by hand: scans, Gets, one put. Field numbers are those of HBase's `Client.proto`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from loader.sources.hbase.access import protobuf
from loader.sources.hbase.access.api import ALL_VERSIONS, Columns, Scan
from loader.sources.hbase.access.packed_rows import Ints
from loader.sources.hbase.access.protobuf import of_bytes, of_int
from loader.sources.hbase.rpc.remote import Thrown

ANSWER = 4 << 20
"""Bytes of an answer of a scan: there the server stops, in mid-row too."""
_REGION_NAME = 1
_RAW = of_bytes(1, b"_raw_") + of_bytes(2, b"\xff")
_PUT = 2
_CELLS, _PARTIAL = 1, 7
_CHUNK = 1 << 12


def scan_request(region: bytes, scan: Scan, start: bytes, rows: int, close: bool = False, limit: int = 0) -> bytes:
    """The first call of a scanner: `scan` from `start` on. `limit`: at most so many rows in all (0: any)."""
    message = of_bytes(1, region_specifier(region)) + of_bytes(2, _scan(scan, start))
    return message + _asking(rows, 0) + (of_int(5, 1) if close else b"") + (of_int(11, limit) if limit else b"")


def next_request(scanner: int, number: int, rows: int) -> bytes:
    """Call `number` of a scanner, counted from 0."""
    return of_int(3, scanner) + _asking(rows, number)


def close_request(scanner: int) -> bytes:
    return of_int(3, scanner) + of_int(4, 0) + of_int(5, 1)


def _asking(rows: int, number: int) -> bytes:
    """`number_of_rows=4, next_call_seq=6, client_handles_partials=7, client_handles_heartbeats=8`."""
    return of_int(4, rows) + of_int(6, number) + of_int(7, 1) + of_int(8, 1)


def region_specifier(name: bytes) -> bytes:
    return of_int(1, _REGION_NAME) + of_bytes(2, name)


def _scan(scan: Scan, start: bytes) -> bytes:
    """`Scan{column=1, attribute=2, start_row=3, stop_row=4, filter=5, time_range=6, max_versions=7, cache_blocks=8,
    max_result_size=10}`. A filter over whole rows needs no word: the server cuts none then.
    """
    parts = [_columns(1, scan.columns)]
    if scan.raw:
        parts.append(of_bytes(2, _RAW))
    parts += [of_bytes(3, start), of_bytes(4, scan.stop)]
    if scan.filter_bytes is not None:
        parts.append(of_bytes(5, scan.filter_bytes))
    if scan.times is not None:
        parts.append(of_bytes(6, of_int(1, scan.times[0]) + of_int(2, scan.times[1])))
    parts += [of_int(7, min(scan.versions, ALL_VERSIONS)), of_int(8, scan.cache_blocks), of_int(10, ANSWER)]
    return b"".join(parts)


def _columns(number: int, columns: Columns) -> bytes:
    """`Column{family=1, qualifier=2 repeated}`: one a family, those of a family side by side in `columns`."""
    found = []
    for family, pairs in groupby(columns, key=lambda pair: pair[0]):
        names = b"".join(of_bytes(2, qualifier) for _, qualifier in pairs if qualifier is not None)
        found.append(of_bytes(number, of_bytes(1, family) + names))
    return b"".join(found)


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scanner's answer tells. `counts`: cells of each row or part of one; `goes_on`: the last one is a part.

    `more_here`: the region has more, said in so many words. `more`: not even a filter has ended the scan.
    """

    counts: list[int]
    goes_on: bool
    scanner: int | None
    more_here: bool
    more: bool


def scanned(message: bytes) -> Scanned:
    """A `ScanResponse`. Raises ValueError; also for one that does not say whether the region has more, and for rows of
    a replica, which may be old.
    """
    counts, partial, rest = _repeated(message)
    found = protobuf.fields(rest)
    if 8 not in found:
        raise ValueError("a scan's answer does not say whether its region has more: is this HBase older than 2.0?")
    if protobuf.an_int(found, 6):
        raise ValueError("a scan's answer is of a replica, and may be old")
    scanner = protobuf.an_int(found, 2) if 2 in found else None
    goes_on = bool(len(partial) and partial[-1])
    return Scanned(
        counts.tolist(), goes_on, scanner, bool(protobuf.an_int(found, 8)), bool(protobuf.an_int(found, 3, 1))
    )


def _repeated(message: bytes) -> tuple[Ints, Ints, bytes]:
    """`cells_per_result=1` and `partial_flag_per_result=7`, thousands of small numbers, and the other fields."""
    numbers: dict[int, list[Ints]] = {_CELLS: [], _PARTIAL: []}
    rest, at = [], 0
    while at < len(message):
        head, behind = protobuf.read_varint(message, at)
        kind = numbers.get(head >> 3) if head & 7 == protobuf.VARINT else None
        if kind is None:
            end = protobuf.field_end(message, at)
            rest.append(message[at:end])
            at = end
            continue
        run = _run(message, at)
        if len(run):
            kind.append(run)
            at += 2 * len(run)
            continue
        value, at = protobuf.read_varint(message, behind)
        kind.append(np.array([value], np.int64))
    counts, partial = (np.concatenate(found) if found else np.zeros(0, np.int64) for found in numbers.values())
    return counts, partial, b"".join(rest)


def _run(message: bytes, at: int) -> Ints:
    """The numbers below 128 of one field, from `at` on, that follow each other: two bytes each."""
    pairs = np.frombuffer(message, np.uint8, min(_CHUNK, len(message) - at) // 2 * 2, at).reshape(-1, 2)
    same = (pairs[:, 0] == message[at]) & (pairs[:, 1] < 128)
    count = len(same) if same.all() else int(np.argmin(same))
    found: Ints = pairs[:count, 1].astype(np.int64)
    return found


def multi_request(actions: Iterable[tuple[bytes, Sequence[bytes]]], columns: Columns, store_limit: int) -> bytes:
    """Gets of (region's name, keys). `MultiRequest{regionAction=1 {region=1, action=3 {index=1, get=3}}}`."""
    return b"".join(of_bytes(1, _region_action(region, keys, columns, store_limit)) for region, keys in actions)


def _region_action(region: bytes, keys: Sequence[bytes], columns: Columns, store_limit: int) -> bytes:
    """`Get{row=1, column=2, max_versions=6, cache_blocks=7, store_limit=8}`."""
    tail = _columns(2, columns) + of_int(6, 1) + of_int(7, 0) + (of_int(8, store_limit) if store_limit else b"")
    gets = (of_int(1, number) + of_bytes(3, of_bytes(1, key) + tail) for number, key in enumerate(keys))
    return of_bytes(1, region_specifier(region)) + b"".join(of_bytes(3, get) for get in gets)


Got = list[int] | Thrown
"""Cells of each row asked of one region, in the order of the keys, 0 where no row is; or why there is no answer."""


def multi_answers(message: bytes, asked: Sequence[int]) -> list[Got]:
    """Of each region action, `asked` keys of which were sent. A deletion needs positive proof: so each key has its own
    answer here, in its place, or the region has none at all. Raises ValueError.

    `MultiResponse{regionActionResult=1 {resultOrException=1 {index=1, result=2, exception=3}, exception=2}}`.
    """
    results = protobuf.messages(protobuf.fields(message), 1)
    if len(results) != len(asked):
        raise ValueError(f"{len(asked)} regions were asked, {len(results)} answered")
    return [_got(protobuf.fields(result), count) for result, count in zip(results, asked, strict=True)]


def _got(result: protobuf.Fields, asked: int) -> Got:
    if 2 in result:
        return Thrown.of_action(protobuf.some_bytes(result, 2))
    each = [protobuf.fields(one) for one in protobuf.messages(result, 1)]
    for one in each:
        if 3 in one:
            return Thrown.of_action(protobuf.some_bytes(one, 3))
    if [protobuf.an_int(one, 1) for one in each] != list(range(asked)):
        raise ValueError(f"{asked} rows of a region were asked for, and not each was answered in its place")
    return [_cells_of(one) for one in each]


def _cells_of(one: protobuf.Fields) -> int:
    """`Result{cell=1, associated_cell_count=2, stale=4, partial=5}`. No result is no proof that there is no row."""
    if 2 not in one:
        raise ValueError("a Get was answered with neither a result nor an error")
    result = protobuf.fields(protobuf.some_bytes(one, 2))
    if 1 in result or protobuf.an_int(result, 4) or protobuf.an_int(result, 5):
        raise ValueError("a Get was answered with a part of a row, with one of a replica, or outside of the cell block")
    return protobuf.an_int(result, 2)


def put_request(region: bytes, row: bytes, family: bytes, qualifier: bytes) -> bytes:
    """An empty cell without a timestamp. `MutateRequest{region=1, mutation=2}`, `MutationProto{row=1, mutate_type=2,
    column_value=3 {family=1, qualifier_value=2 {qualifier=1, value=2}}}`.
    """
    column = of_bytes(1, family) + of_bytes(2, of_bytes(1, qualifier) + of_bytes(2, b""))
    mutation = of_bytes(1, row) + of_int(2, _PUT) + of_bytes(3, column)
    return of_bytes(1, region_specifier(region)) + of_bytes(2, mutation)
