"""Who answers there: Thrift2 as it should be, or what it is instead and what to do about it.

Port 9090 is Thrift1's as well; Thrift servers of other services know none of our calls; and what is no Thrift at all
mostly hangs up, but says in its first bytes what it speaks.
"""

import socket
from contextlib import suppress
from typing import Any

from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.protocol.TProtocol import TProtocolException
from thrift.Thrift import TApplicationException, TException
from thrift.transport.TTransport import TBufferedTransport, TFramedTransport, TTransportException

from loader.basics.printable import printable
from loader.sources.hbase.access.errors import WrongServer
from loader.sources.hbase.thrift2.idl import BINARY, BOOL, TEXT, struct
from loader.sources.hbase.thrift2.wire import (
    ConnectionLost,
    Endpoint,
    ask,
    binary_protocol,
    open_socket,
    text_of,
)

_THRIFT1, _THRIFT2 = 1, 2  # TThriftServerType
_PATH = "Give hbase.thrift the host:port of `hbase thrift2 start` (9090, if nobody chose another)."
_BINARY_BUFFERED = "Start it with hbase.regionserver.thrift.framed=false and hbase.regionserver.thrift.compact=false."

_THRIFT1_CALLS = {
    "isTableEnabled": (struct("args", (1, "tableName", BINARY)), struct("result", (0, "success", BOOL))),
}
"""Its argument is a struct in Thrift2."""
_ANYBODYS_CALLS = {"getName": (struct("args"), struct("result", (0, "success", TEXT)))}
"""Of fb303, which Hive's metastore and others have."""


def check_server(protocol: TBinaryProtocolAccelerated, endpoint: Endpoint) -> None:
    """Raises WrongServer unless it is Thrift2 in binary protocol on a buffered transport, or ConnectionLost."""
    try:
        kind = ask(protocol, 0, "getThriftServerType", {}).success
    except TApplicationException as error:
        if error.type != TApplicationException.UNKNOWN_METHOD:
            raise _no_thrift2(endpoint, text_of(error)) from error
        return _check_old_server(protocol, endpoint)  # before HBase 2.1.1 neither server knew the question
    except TTransportException as error:
        if error.type == TTransportException.TIMED_OUT:
            raise _by_first_words(endpoint) or ConnectionLost(f"{endpoint} does not answer") from error
        raise _by_trying(endpoint, error) from error
    except (TProtocolException, EOFError) as error:
        raise _by_trying(endpoint, error) from error
    except OSError as error:
        raise ConnectionLost(f"the connection to {endpoint} broke: {text_of(error)}") from error
    if kind == _THRIFT1:
        raise _thrift1(endpoint)
    if kind != _THRIFT2:
        raise _no_thrift2(endpoint, f"it calls itself a Thrift server of type {kind}")
    return None


def _check_old_server(protocol: TBinaryProtocolAccelerated, endpoint: Endpoint) -> None:
    """By calls that only one of them knows."""
    with suppress(TApplicationException):
        ask(protocol, 0, "getAllRegionLocations", {"table": b"hbase:meta"})
        return
    try:
        ask(protocol, 0, "isTableEnabled", {"tableName": b"hbase:meta"}, _THRIFT1_CALLS)
    except TApplicationException as error:
        raise _another_service(protocol, endpoint) from error
    raise _thrift1(endpoint)


def _thrift1(endpoint: Endpoint) -> WrongServer:
    return WrongServer(
        f"{endpoint} is a Thrift1 server", "Start `hbase thrift2 start` and give its port: both use 9090."
    )


def _no_thrift2(endpoint: Endpoint, detail: str) -> WrongServer:
    return WrongServer(f"what answers at {endpoint} is not HBase's Thrift2 server: {detail}", _PATH)


def _another_service(protocol: TBinaryProtocolAccelerated, endpoint: Endpoint) -> WrongServer:
    """A Thrift server that knows no call of HBase's; it may know its own name."""
    called = ""
    with suppress(TApplicationException):
        called = f" (it calls itself {ask(protocol, 0, 'getName', {}, _ANYBODYS_CALLS).success!r})"
    message = f"{endpoint} is a Thrift server, but none of HBase's{called}: it knows no call of Thrift2's or Thrift1's"
    return WrongServer(message, f"A Hive metastore is mostly at 9083, HBase's Thrift2 server at 9090. {_PATH}")


# A server of another transport or protocol hangs up at the first byte

_OTHER_WORDINGS = (
    ("with the framed transport", lambda socket: binary_protocol(TFramedTransport(socket))),
    ("with the compact protocol", lambda socket: TCompactProtocol(TBufferedTransport(socket))),
    ("framed and compact", lambda socket: TCompactProtocol(TFramedTransport(socket))),
)

_OTHER_TONGUES = (
    (b"HTTP/", "HTTP", f"Thrift2 has that with hbase.regionserver.thrift.http=true: set it to false. {_PATH}"),
    (b"\x15\x03", "TLS", f"hotswap speaks to Thrift2 without TLS. {_PATH}"),
    (b"SSH-", "SSH", _PATH),
)
"""What a server's first bytes are, to a call in a wording that is not its own."""

_SILENCE_S = 1.0


def _by_trying(endpoint: Endpoint, error: Exception) -> Exception:
    for wording, wrap in _OTHER_WORDINGS:
        if _answers(endpoint, wrap):
            return WrongServer(f"{endpoint} speaks Thrift, but {wording}", _BINARY_BUFFERED)
    return _by_first_words(endpoint) or ConnectionLost(
        f"{endpoint} closed the connection: {text_of(error)}",
        f"Is that another service's port, or a Thrift2 server that wants Kerberos (SASL)? {_PATH}",
    )


def _by_first_words(endpoint: Endpoint) -> WrongServer | None:
    """Some servers wait for the end of a line."""
    said = _first_words(endpoint)
    for start, tongue, hint in _OTHER_TONGUES:
        if said.startswith(start):
            return WrongServer(f"what answers at {endpoint} speaks {tongue}, not Thrift", hint)
    return _no_thrift2(endpoint, f"its first bytes are {printable(said)}") if said else None


def _answers(endpoint: Endpoint, wrap: Any) -> bool:
    opened = None
    try:
        opened = open_socket(Endpoint(endpoint.host, endpoint.port, endpoint.connect_timeout, endpoint.connect_timeout))
        ask(wrap(opened), 0, "getThriftServerType", {})
    except TApplicationException:
        return True
    except (TException, ConnectionLost, OSError, EOFError):
        return False
    finally:
        if opened is not None:
            opened.close()
    return True


def _first_words(endpoint: Endpoint) -> bytes:
    """Up to 16 bytes of what it answers to a browser; none if it hangs up."""
    with (
        suppress(OSError),
        socket.create_connection((endpoint.host, endpoint.port), endpoint.connect_timeout) as opened,
    ):
        opened.settimeout(_SILENCE_S)
        opened.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return opened.recv(16)
    return b""
