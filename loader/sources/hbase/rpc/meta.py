"""A table as hbase:meta has it: whether it is there and enabled, and which server has which of its regions."""

from collections.abc import Iterable
from dataclasses import dataclass

from loader.sources.hbase.access import protobuf
from loader.sources.hbase.access.api import Scan
from loader.sources.hbase.access.row import Row
from loader.sources.hbase.rpc.remote import Server

META = "hbase:meta"
_ENABLED = 0
_PROTOBUF = b"PBUF"


@dataclass(frozen=True, slots=True)
class Place:
    """A region, keys `[start, stop)`, and its server (None: it is on none now). `name` is its key in hbase:meta,
    `id` the time in ms when it was made.
    """

    start: bytes
    stop: bytes
    name: bytes
    id: int
    server: Server | None


META_NAME = b"hbase:meta,,1"


@dataclass(frozen=True, slots=True)
class TableInMeta:
    """`state`: as HBase writes it (0 enabled), None if there is no such table. `places` in key order."""

    state: int | None
    places: tuple[Place, ...]

    @property
    def enabled(self) -> bool:
        return self.state == _ENABLED


def scan_of(table: str) -> Scan:
    """The table's own row, and those of its regions: no name has a character between `,` and `-`."""
    name = name_in_meta(table)
    columns = ((b"info", b"regioninfo"), (b"info", b"server"), (b"table", b"state"))
    return Scan(name, name + b"-", columns, cache_blocks=True)


def name_in_meta(table: str) -> bytes:
    return table.removeprefix("default:").encode()


def table_in(rows: Iterable[Row], table: str) -> TableInMeta:
    """From the rows of `scan_of`. Raises ValueError for what cannot be read."""
    state: int | None = None
    places: list[Place] = []
    for row in rows:
        cells = {(cell.family, cell.qualifier): cell.value for cell in row.columnValues}
        if row.row == name_in_meta(table):
            stored = cells.get((b"table", b"state"))
            state = protobuf.an_int(protobuf.fields(stored.removeprefix(_PROTOBUF)), 1) if stored is not None else state
        elif (b"info", b"regioninfo") in cells:
            place = _place(row.row, cells[b"info", b"regioninfo"], cells.get((b"info", b"server"), b""))
            places += [place] if place else []
    return TableInMeta(state, tuple(sorted(places, key=lambda place: place.start)))


def _place(name: bytes, info: bytes, server: bytes) -> Place | None:
    """`RegionInfo{region_id=1, start_key=3, end_key=4, offline=5, split=6, replica_id=7}`; None: it was split."""
    found = protobuf.fields(info.removeprefix(_PROTOBUF))
    if any(protobuf.an_int(found, number) for number in (5, 6, 7)):
        return None
    start, stop = protobuf.some_bytes(found, 3), protobuf.some_bytes(found, 4)
    return Place(start, stop, name, protobuf.an_int(found, 1), _server(server))


def _server(text: bytes) -> Server | None:
    host, _, port = text.decode("utf-8", "replace").rpartition(":")
    return (host, int(port)) if port.isdigit() else None
