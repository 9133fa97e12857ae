"""A Thrift2 server that for a while does not know where a region is: the real one does so just after a split."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TApplicationException, TMessageType, TType
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport, TTransportException

from loader.sources.hbase.thrift2.client import Endpoint, Patience, Region, Thrift2
from loader.sources.hbase.thrift2.connection import Refused, ServerBusy

NULL_POINTER = TApplicationException(TApplicationException.INTERNAL_ERROR, "Internal error processing it")
UNKNOWN = TApplicationException(TApplicationException.UNKNOWN_METHOD, "Invalid method name")
THRIFT2 = 2


class _Answers(socketserver.BaseRequestHandler):
    """Its first answers about regions are the errors of `server.errors`; then the table has one region, `[a, m)`."""

    server: "_Server"

    def handle(self) -> None:
        opened = TSocket()
        opened.setHandle(self.request)
        protocol = TBinaryProtocol(TBufferedTransport(opened))
        try:
            while True:
                self._answer(protocol)
        except (TTransportException, OSError):
            return

    def _answer(self, to: TBinaryProtocol) -> None:
        name, _, number = to.readMessageBegin()
        to.skip(TType.STRUCT)
        to.readMessageEnd()
        error = self.server.errors.pop(0) if name == "getAllRegionLocations" and self.server.errors else None
        to.writeMessageBegin(name, TMessageType.EXCEPTION if error else TMessageType.REPLY, number)
        if error:
            error.write(to)
        elif name == "getThriftServerType":
            to.writeFieldBegin("success", TType.I32, 0)
            to.writeI32(THRIFT2)
            to.writeFieldStop()
        else:
            _write_region(to, b"a", b"m")
        to.writeMessageEnd()
        to.trans.flush()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    errors: list[TApplicationException]


def _write_region(to: TBinaryProtocol, start: bytes, stop: bytes) -> None:
    """A list of one THRegionLocation."""
    to.writeFieldBegin("success", TType.LIST, 0)
    to.writeListBegin(TType.STRUCT, 1)
    to.writeFieldBegin("regionInfo", TType.STRUCT, 2)
    for number, key in ((3, start), (4, stop)):
        to.writeFieldBegin("key", TType.STRING, number)
        to.writeBinary(key)
    for _ in ("regionInfo", "location", "result"):
        to.writeFieldStop()


@contextmanager
def _client(*errors: TApplicationException, tries: int = 5) -> Iterator[Thrift2]:
    with _Server(("127.0.0.1", 0), _Answers) as server:
        server.errors = list(errors)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        endpoint = Endpoint("127.0.0.1", server.server_address[1])
        with Thrift2(endpoint, Patience(tries=tries), sleep=lambda seconds: None) as client:
            yield client
        server.shutdown()


def test_regions_are_asked_for_again_while_one_is_on_no_server() -> None:
    with _client(NULL_POINTER, NULL_POINTER) as client:
        assert client.regions("ads") == (Region(b"a", b"m"),)


def test_a_region_that_stays_on_no_server_is_told_as_one_that_may_come_back() -> None:
    with _client(*[NULL_POINTER] * 3, tries=3) as client, pytest.raises(ServerBusy, match="'ads' may be on no server"):
        client.regions("ads")


def test_another_refusal_is_not_asked_again() -> None:
    with _client(UNKNOWN) as client, pytest.raises(Refused, match="Invalid method name"):
        client.regions("ads")
