"""A region server that holds a table in memory, speaks HBase's RPC, and answers as wrongly as a test tells it to.

It is its own registry, its own hbase:meta and its own master: what the loader's client asks, and no more.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from loader.sources.hbase.access import protobuf
from loader.sources.hbase.access.protobuf import of_bytes, of_int, varint

Cell = tuple[bytes, bytes, bytes, int, int]
"""Family, qualifier, value, timestamp, type."""
Rows = Mapping[bytes, Sequence[Cell]]
TABLE = "t"
PACKAGE = "org.apache.hadoop.hbase."


class Hangs(Exception):
    """No answer, ever: the server keeps silent."""


class Cuts(Exception):
    """No answer: the connection is closed."""


@dataclass
class Throws(Exception):
    """What the server's Java throws."""

    name: str
    text: str = ""
    do_not_retry: bool = False
    moved_to: tuple[str, int] | None = None
    call: int | None = None

    def spelled(self) -> bytes:
        """An ExceptionResponse."""
        parts = of_bytes(1, (PACKAGE + self.name).encode()) + of_bytes(
            2, f"{PACKAGE}{self.name}: {self.text}\n\tat".encode()
        )
        if self.moved_to:
            parts += of_bytes(3, self.moved_to[0].encode()) + of_int(4, self.moved_to[1])
        return parts + of_int(5, self.do_not_retry)


@dataclass
class Reply:
    """A message and the cells behind it."""

    message: bytes
    cells: bytes = b""


Answer = Callable[[protobuf.Fields], Reply]
Fault = Callable[[protobuf.Fields, Answer], Reply]
"""What is answered to a call instead of what `Answer` would give; it may raise what is above."""


def cell_bytes(key: bytes, cell: Cell) -> bytes:
    """As KeyValueCodec spells it."""
    family, qualifier, value, timestamp, kind = cell
    head = struct.pack(">h", len(key)) + key + bytes([len(family)]) + family + qualifier
    head += struct.pack(">qb", timestamp, kind)
    body = struct.pack(">ii", len(head), len(value)) + head + value
    return struct.pack(">i", len(body)) + body


@dataclass
class _Scanner:
    cells: list[tuple[bytes, Cell]]
    sent: int = 0


@dataclass
class FakeRegion:
    """Keys `[start, stop)` of the table; `id` as in hbase:meta."""

    start: bytes
    stop: bytes
    id: int = 1

    @property
    def name(self) -> bytes:
        return b"%s,%s,%d.%s." % (TABLE.encode(), self.start, self.id, b"0" * 32)

    def holds(self, key: bytes) -> bool:
        return key >= self.start and (not self.stop or key < self.stop)


@dataclass
class FakeHBase:
    """`rows` of table `t`. `cells_an_answer`: there an answer of a scan ends, in mid-row too.

    `faults`: method → what happens to its next calls, one each, before it is answered rightly again. `calls` lists all.
    """

    rows: dict[bytes, Sequence[Cell]]
    regions: list[FakeRegion] = field(default_factory=lambda: [FakeRegion(b"", b"")])
    cells_an_answer: int = 1000
    state: int | None = 0
    faults: dict[str, list[Fault | None]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    port: int = 0
    _scanners: dict[int, _Scanner] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, method: str, *faults: Fault | None) -> None:
        """`None`: that call is answered rightly. Calls of hbase:meta do not count."""
        self.faults.setdefault(method, []).extend(faults)

    def answer(self, method: str, request: protobuf.Fields) -> Reply:
        with self._lock:
            told: Answer = getattr(self, f"_{method}")
            if method == "Scan" and self._is_meta(request):
                return self._meta(request)
            self.calls.append(method)
            waiting = self.faults.get(method)
            fault = waiting.pop(0) if waiting else None
            return fault(request, told) if fault else told(request)

    # Where things are

    def _GetMetaRegionLocations(self, request: protobuf.Fields) -> Reply:
        info = of_int(1, 1) + of_bytes(2, of_bytes(1, b"hbase") + of_bytes(2, b"meta"))
        return Reply(of_bytes(1, of_bytes(1, info) + of_bytes(2, self._server())))

    def _GetActiveMaster(self, request: protobuf.Fields) -> Reply:
        return Reply(of_bytes(1, self._server()))

    def _GetTableDescriptors(self, request: protobuf.Fields) -> Reply:
        return Reply(of_bytes(1, of_bytes(3, of_bytes(1, b"d"))))

    def _server(self) -> bytes:
        return of_bytes(1, b"127.0.0.1") + of_int(2, self.port)

    def _is_meta(self, request: protobuf.Fields) -> bool:
        return 1 in request and b"hbase:meta" in protobuf.some_bytes(request, 1)

    def _meta(self, request: protobuf.Fields) -> Reply:
        if self.state is None:
            return _scan_reply([], None, False)
        cells = [(TABLE.encode(), (b"table", b"state", b"PBUF" + of_int(1, self.state), 1, 4))]
        for region in self.regions:
            info = of_int(1, region.id) + of_bytes(2, b"") + of_bytes(3, region.start) + of_bytes(4, region.stop)
            cells.append((region.name, (b"info", b"regioninfo", b"PBUF" + info, 1, 4)))
            cells.append((region.name, (b"info", b"server", b"127.0.0.1:%d" % self.port, 1, 4)))
        return _scan_reply(cells, None, False)

    # Rows

    def _Scan(self, request: protobuf.Fields) -> Reply:
        if protobuf.an_int(request, 5):
            self._scanners.pop(protobuf.an_int(request, 3), None)
            return _scan_reply([], None, False)
        if 3 not in request:
            number = len(self._scanners) + len(self.calls) + 1
            self._scanners[number] = _Scanner(self._cells_of(request))
        else:
            number = protobuf.an_int(request, 3)
            if number not in self._scanners:
                raise Throws("UnknownScannerException", "it is not here", do_not_retry=True)
        return self._next(number, protobuf.an_int(request, 4))

    def _cells_of(self, request: protobuf.Fields) -> list[tuple[bytes, Cell]]:
        region = self._region(request)
        scan = protobuf.fields(protobuf.some_bytes(request, 2))
        start, stop = protobuf.some_bytes(scan, 3), protobuf.some_bytes(scan, 4)
        wanted = _rows_of_filter(protobuf.some_bytes(scan, 5)) if 5 in scan else None
        keys = [key for key in sorted(self.rows) if region.holds(key) and key >= start and (not stop or key < stop)]
        return [(key, cell) for key in keys if wanted is None or key in wanted for cell in self.rows[key]]

    def _next(self, number: int, rows: int) -> Reply:
        scanner = self._scanners[number]
        left = scanner.cells[scanner.sent :]
        keys = list(dict.fromkeys(key for key, _ in left))[: max(1, rows)]
        part = [pair for pair in left if pair[0] in keys][: self.cells_an_answer]
        scanner.sent += len(part)
        more = scanner.sent < len(scanner.cells)
        goes_on = more and scanner.cells[scanner.sent][0] == part[-1][0]
        if not more:
            del self._scanners[number]
        return _scan_reply(part, number if more else None, more, goes_on)

    def _region(self, holder: protobuf.Fields) -> FakeRegion:
        name = protobuf.some_bytes(protobuf.fields(protobuf.some_bytes(holder, 1)), 2)
        for region in self.regions:
            if region.name == name:
                return region
        raise Throws("NotServingRegionException", "it is not here")

    def _Multi(self, request: protobuf.Fields) -> Reply:
        results, cells = [], []
        for action in map(protobuf.fields, protobuf.messages(request, 1)):
            try:
                self._region(action)
            except Throws as thrown:
                results.append(of_bytes(2, of_bytes(1, (PACKAGE + thrown.name).encode())))
                continue
            results.append(b"".join(of_bytes(1, self._got(one, cells)) for one in protobuf.messages(action, 3)))
        return Reply(b"".join(of_bytes(1, result) for result in results), b"".join(cells))

    def _got(self, action: bytes, cells: list[bytes]) -> bytes:
        found = protobuf.fields(action)
        get = protobuf.fields(protobuf.some_bytes(found, 3))
        key = protobuf.some_bytes(get, 1)
        limit = protobuf.an_int(get, 8) or 1 << 30
        row = list(self.rows.get(key, ()))[:limit]
        cells += [cell_bytes(key, cell) for cell in row]
        return of_int(1, protobuf.an_int(found, 1)) + of_bytes(2, of_int(2, len(row)))


def _scan_reply(cells: list[tuple[bytes, Cell]], scanner: int | None, more: bool, goes_on: bool = False) -> Reply:
    keys = list(dict.fromkeys(key for key, _ in cells))
    counts = [sum(1 for key, _ in cells if key == one) for one in keys]
    message = b"".join(of_int(1, count) for count in counts)
    message += of_int(2, scanner) if scanner is not None else b""
    flags = b"".join(of_int(7, goes_on and index == len(counts) - 1) for index in range(len(counts)))
    return Reply(message + of_int(3, 1) + flags + of_int(8, more), b"".join(cell_bytes(*pair) for pair in cells))


def _rows_of_filter(data: bytes) -> set[bytes]:
    ranges = protobuf.fields(protobuf.some_bytes(protobuf.fields(data), 2))
    return {protobuf.some_bytes(protobuf.fields(one), 1) for one in protobuf.messages(ranges, 1)}


class _Connection(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        with suppress(OSError, EOFError):
            self._exactly(6)
            self._exactly(struct.unpack(">I", self._exactly(4))[0])
            while True:
                self._call(self._exactly(struct.unpack(">I", self._exactly(4))[0]))

    def _exactly(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def _call(self, frame: bytes) -> None:
        size, at = protobuf.read_varint(frame, 0)
        header = protobuf.fields(frame[at : at + size])
        size, at = protobuf.read_varint(frame, at + size)
        number = protobuf.an_int(header, 1)
        try:
            reply = self.server.hbase.answer(protobuf.a_text(header, 3), protobuf.fields(frame[at : at + size]))
        except Throws as thrown:
            told = of_int(1, number if thrown.call is None else thrown.call) + of_bytes(2, thrown.spelled())
            self._send(varint(len(told)) + told)
        except Cuts:
            raise EOFError from None
        except Hangs:
            return
        else:
            told = of_int(1, number) + (of_bytes(3, of_int(1, len(reply.cells))) if reply.cells else b"")
            self._send(varint(len(told)) + told + varint(len(reply.message)) + reply.message + reply.cells)

    def _send(self, body: bytes) -> None:
        self.wfile.write(struct.pack(">I", len(body)) + body)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    hbase: FakeHBase


@contextmanager
def served(hbase: FakeHBase) -> Iterator[FakeHBase]:
    """It listens on 127.0.0.1 while the block lasts."""
    with _Server(("127.0.0.1", hbase.port), _Connection) as server:
        server.hbase, hbase.port = hbase, server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield hbase
        finally:
            server.shutdown()
