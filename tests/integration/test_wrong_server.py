"""What listens where Thrift2 should is told by its name, with what to do; none of it is taken for a table's silence."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from thrift.protocol.TBinaryProtocol import TBinaryProtocolFactory
from thrift.protocol.TCompactProtocol import TCompactProtocolFactory
from thrift.server.TServer import TThreadedServer
from thrift.Thrift import TApplicationException, TMessageType, TType
from thrift.transport import TSocket, TTransport

from devservers.hbase import HBase
from devservers.metastore_base import Metastore
from loader.basics.errors import Unavailable
from loader.sources.hbase.thrift2.client import Endpoint, Patience, Thrift2
from loader.sources.hbase.thrift2.connection import ConnectionLost, WrongServer

NO_PATIENCE = Patience(seconds=0, tries=1)


def failure_at(port: int) -> WrongServer | ConnectionLost:
    """What is said of the server there."""
    with pytest.raises((WrongServer, ConnectionLost)) as caught:
        Thrift2(Endpoint("127.0.0.1", port, connect_timeout=1, read_timeout=2), NO_PATIENCE).table_exists("x")
    return caught.value


def test_thrift1_on_the_port_is_called_by_its_name(hbase: HBase) -> None:
    endpoint = Endpoint.parse(hbase.start_thrift1())
    try:
        with pytest.raises(WrongServer, match="is a Thrift1 server") as caught, Thrift2(endpoint) as client:
            client.table_exists("x")
    finally:
        hbase.stop_thrift1()
    assert "hbase thrift2" in caught.value.hint


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ConnectionLost, match="cannot be reached") as caught:
        Thrift2(Endpoint("127.0.0.1", port), NO_PATIENCE).table_exists("x")
    assert isinstance(caught.value, Unavailable)


def test_a_server_that_answers_nothing_times_out() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        endpoint = Endpoint("127.0.0.1", silent.getsockname()[1], read_timeout=0.2)
        with pytest.raises(ConnectionLost, match="does not answer"):
            Thrift2(endpoint, NO_PATIENCE).table_exists("x")


class Other:
    """A Thrift server that answers the calls it knows with a number or a text, and knows none of HBase's."""

    def __init__(self, **known: int | str) -> None:
        self._known = known

    def process(self, read: Any, write: Any) -> None:
        name, _, number = read.readMessageBegin()
        read.skip(TType.STRUCT)
        read.readMessageEnd()
        if name in self._known:
            write.writeMessageBegin(name, TMessageType.REPLY, number)
            self._answer(write, self._known[name])
        else:
            write.writeMessageBegin(name, TMessageType.EXCEPTION, number)
            TApplicationException(TApplicationException.UNKNOWN_METHOD, "unknown").write(write)
        write.writeMessageEnd()
        write.trans.flush()

    def _answer(self, write: Any, value: int | str) -> None:
        write.writeStructBegin("result")
        write.writeFieldBegin("success", TType.I32 if isinstance(value, int) else TType.STRING, 0)
        (write.writeI32 if isinstance(value, int) else write.writeString)(value)
        write.writeFieldEnd()
        write.writeFieldStop()
        write.writeStructEnd()


@contextmanager
def serving(other: Other, transport: Any = None, protocol: Any = None) -> Iterator[int]:
    """Its port."""
    listening = TSocket.TServerSocket("127.0.0.1", 0)
    listening.listen()
    port = listening.handle.getsockname()[1]
    listening.listen = lambda: None
    wrap = transport or TTransport.TBufferedTransportFactory()
    server = TThreadedServer(other, listening, wrap, protocol or TBinaryProtocolFactory(), daemon=True)
    threading.Thread(target=server.serve, daemon=True).start()
    yield port
    listening.close()


WORDINGS: list[tuple[str, Any, Any]] = [
    ("framed", TTransport.TFramedTransportFactory(), None),
    ("compact", TTransport.TBufferedTransportFactory(), TCompactProtocolFactory()),
]


@pytest.mark.parametrize(("wording", "transport", "protocol"), WORDINGS, ids=[name for name, *_ in WORDINGS])
def test_a_server_of_another_wording_is_told_apart(wording: str, transport: Any, protocol: Any) -> None:
    with serving(Other(), transport, protocol) as port:
        failure = failure_at(port)
    assert wording in failure.message
    assert f"{wording}=false" in failure.hint


def test_a_hive_metastore_is_not_taken_for_thrift1(hms: Metastore) -> None:
    failure = failure_at(int(hms.uri.rpartition(":")[2]))
    assert "is a Thrift server, but none of HBase's" in failure.message
    assert "it calls itself" in failure.message
    assert "9083" in failure.hint


def test_a_thrift_server_without_a_name_is_none_of_hbases() -> None:
    with serving(Other()) as port:
        assert "none of HBase's: it knows no call" in failure_at(port).message


def test_a_thrift_server_that_answers_something_else_is_not_taken_for_thrift1() -> None:
    with serving(Other(getThriftServerType=7)) as port:
        assert "is not HBase's Thrift2 server: it calls itself a Thrift server of type 7" in failure_at(port).message


def test_thrift1_from_before_servers_told_their_type_is_called_by_its_name() -> None:
    with serving(Other(isTableEnabled=1)) as port:
        assert "is a Thrift1 server" in failure_at(port).message


def test_a_web_server_is_told_from_a_server_that_is_down() -> None:
    """Thrift2 in HTTP mode, or the page of a region server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        failure = failure_at(web.server_port)
        web.shutdown()
    assert isinstance(failure, WrongServer)
    assert "speaks HTTP" in failure.message
    assert "hbase.regionserver.thrift.http" in failure.hint


@contextmanager
def saying(words: bytes) -> Iterator[int]:
    """A port at which these bytes are sent to whoever has sent something, and the connection is closed."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def answer() -> None:
            while True:
                try:
                    opened = listening.accept()[0]
                except OSError:
                    return
                with opened:
                    opened.recv(100)
                    opened.sendall(words)

        threading.Thread(target=answer, daemon=True).start()
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    ("words", "tongue"),
    [(b"\x15\x03\x03\0\2\2\x46", "TLS"), (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"), (b"what?\r\n", "what")],
    ids=["TLS", "SSH", "another"],
)
def test_a_server_that_speaks_something_else_is_told_by_its_first_bytes(words: bytes, tongue: str) -> None:
    with saying(words) as port:
        failure = failure_at(port)
    assert isinstance(failure, WrongServer)
    assert tongue in failure.message


def test_a_server_that_hangs_up_without_a_word_may_be_one_of_kerberos_or_away() -> None:
    with saying(b"") as port:
        failure = failure_at(port)
    assert isinstance(failure, ConnectionLost)
    assert "Kerberos" in failure.hint
