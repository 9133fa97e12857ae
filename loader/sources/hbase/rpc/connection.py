"""One connection to one service of one server of HBase's: calls go out, answers come back in any order."""

import itertools
import os
import select
from dataclasses import dataclass

from loader.sources.hbase.access import protobuf
from loader.sources.hbase.access.errors import ConnectionLost
from loader.sources.hbase.rpc import wire
from loader.sources.hbase.rpc.remote import Server, Thrown

CLIENT, ADMIN, MASTER, REGISTRY = "ClientService", "AdminService", "MasterService", "ClientMetaService"


@dataclass(frozen=True, slots=True)
class Answer:
    """A call's `message`, and the cells behind it: `frame[cells:]`."""

    message: bytes
    frame: bytes
    cells: int


class Connection:
    """Made open. After ConnectionLost it is closed: an answer may still be on its way, and must not be another's.

    Not for several threads, and not for a process forked later: what it sends would mix with its parent's calls.
    """

    def __init__(self, server: Server, service: str, user: str, timeout_s: float) -> None:
        self.server, self.service = server, service
        self._numbers, self._timeout_ms, self._pid = itertools.count(1), max(1, round(timeout_s * 1000)), os.getpid()
        self._expected: dict[int, str] = {}
        self._heard = False
        self.closed = False
        self._socket = wire.open_socket(server, timeout_s)
        self._write(wire.preamble(service, user), "its greeting")

    @property
    def where(self) -> str:
        return wire.address_of(self.server)

    @property
    def waiting(self) -> int:
        """Calls without an answer yet."""
        return len(self._expected)

    @property
    def usable(self) -> bool:
        """Open, idle, and of this process: a server closes what was idle for long, and that is no failure."""
        if self.closed or self._expected or self._pid != os.getpid():
            return False
        return not select.select([self._socket], [], [], 0)[0]

    def call(self, method: str, message: bytes, priority: int = 0) -> Answer:
        """One call and its answer, on a connection that waits for no other. Raises ConnectionLost, or what the server
        threw as `Thrown.error` has it.
        """
        self.send(method, message, priority)
        return self.receive()[1]

    def send(self, method: str, message: bytes, priority: int = 0) -> int:
        """The call's number. Raises ConnectionLost."""
        if self._pid != os.getpid():
            self.close()
            raise ConnectionLost(f"the connection to {self.where} belongs to another process")
        number = next(self._numbers)
        self._expected[number] = method
        self._write(wire.request(number, method, message, self._timeout_ms, priority), method)
        return number

    def receive(self) -> tuple[int, Answer]:
        """The next answer, whichever call it is of. Raises as `call`."""
        frame = self._frame()
        try:
            return self._answer(frame)
        except ValueError as error:
            self.close()
            raise ConnectionLost(f"{self.where} sent no answer that can be read: {error}") from error

    def _answer(self, frame: bytes) -> tuple[int, Answer]:
        """`ResponseHeader{call_id=1, exception=2, cell_block_meta=3 {length=1}}`. Raises ValueError, or that."""
        length, at = protobuf.read_varint(frame, 0)
        header = protobuf.fields(frame[at : at + length])
        at += length
        number = protobuf.an_int(header, 1)
        method = self._expected.pop(number, "")
        if 2 in header:
            thrown = Thrown.parse(protobuf.some_bytes(header, 2))
            if not method:  # of none of our calls: the server refuses the connection
                self.close()
            raise thrown.error(self.where, method or "its greeting")
        if not method:
            raise ValueError(f"it answers call {number}, which was not made")
        length, at = protobuf.read_varint(frame, at)
        cells = at + length
        told = protobuf.an_int(protobuf.fields(protobuf.some_bytes(header, 3)), 1)
        if len(frame) - cells != told:
            raise ValueError(f"a cell block of {told} bytes was told, {len(frame) - cells} came")
        return number, Answer(frame[at:cells], frame, cells)

    def close(self) -> None:
        self.closed = True
        self._expected.clear()
        self._socket.close()

    def _write(self, data: bytes, what: str) -> None:
        try:
            wire.send(self._socket, data)
        except OSError as error:
            self.close()
            raise ConnectionLost(f"the connection to {self.where} broke in {what}: {error}") from error

    def _frame(self) -> bytes:
        doing = next(iter(self._expected.values()), "nothing")
        try:
            size = wire.frame_length(wire.receive(self._socket, 4), self.server)
            self._heard = True
            return wire.receive(self._socket, size)
        except (OSError, EOFError) as error:
            self.close()
            other = None if self._heard else wire.other_than_hbase(self.server)
            raise other or ConnectionLost(f"the connection to {self.where} broke in {doing}: {error}") from error
        except BaseException:
            self.close()
            raise
