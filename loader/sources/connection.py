"""One connection to a Thrift2 server: one call at a time, accelerated binary protocol on a buffered transport."""

import itertools
import logging
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.protocol.TProtocol import TProtocolBase, TProtocolException
from thrift.Thrift import TApplicationException, TException, TMessageType
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport, TFramedTransport, TTransportException

from loader.errors import SourceError, Unavailable
from loader.sources.idl import CALLS, Row
from loader.sources.packed import PackedRows, parse
from loader.sources.receive import Prefilled, receive

logging.getLogger("thrift").addHandler(logging.NullHandler())  # or each failure to connect is a line on stderr as well

_READ_BUFFER = 1 << 18
_LARGEST = 2**31 - 1  # thrift's own default refuses cells above 16 MB
_THRIFT2 = 2  # TThriftServerType
_REPLY = 0x80010002  # protocol version, and TMessageType.REPLY
_LIST = b"\x0f\0\0"  # field 0, success, is a list


class WrongServer(SourceError):
    """Something answered, but not a Thrift2 server with binary protocol on a buffered transport."""


class ConnectionLost(Unavailable):
    """No connection, or it broke or timed out in mid-call: open a new one. What was sent may have been done."""

    default_hint = "Is HBase's Thrift2 server up (`hbase thrift2 start`), and is hbase.thrift its host:port?"


class ServerBusy(Unavailable):
    """HBase answered with an error that may go away: a region in transition, a server that just died."""

    default_hint = "See the log of HBase's Thrift2 server and of its region servers."


class Refused(SourceError):
    """HBase answered with an error that stays however often it is asked."""

    default_hint = "See the log of HBase's Thrift2 server."


class ScannerGone(SourceError):
    """The server does not know the scanner (any more): its lease ran out after 60 s, or the server was restarted."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a Thrift2 server listens, and how long to wait for it, in seconds."""

    host: str
    port: int
    connect_timeout: float = 5.0
    read_timeout: float = 60.0

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """`host:port` or `host` (port 9090) → Endpoint; ValueError for anything else."""
        host, colon, port = text.strip().rpartition(":")
        if not colon:
            host, port = port, "9090"
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"{text!r} is not an address: write it as host:port")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Connection:
    """Made open, and only to a server that is Thrift2. After any ConnectionLost it must be closed."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._socket = _open_socket(endpoint)
        self._protocol = _protocol(TBufferedTransport(self._socket, _READ_BUFFER))
        self._numbers = itertools.count(1)
        try:
            self._check_server()
        except BaseException:
            self.close()
            raise

    def call(self, name: str, **arguments: Any) -> Any:
        """One call and its answer. Raises ConnectionLost, ServerBusy, Refused or ScannerGone."""
        try:
            result = _ask(self._protocol, next(self._numbers), name, arguments)
        except (TTransportException, TProtocolException, OSError, EOFError) as error:
            raise ConnectionLost(f"the connection to {self.endpoint} broke in {name}: {_text(error)}") from error
        except TApplicationException as error:
            raise Refused(f"{self.endpoint} refused {name}: {_text(error)}") from error
        return self._success(name, result)

    def _success(self, name: str, result: Any) -> Any:
        """What the server answered, unless it is one of its errors."""
        if getattr(result, "ia", None):
            raise ScannerGone(f"{self.endpoint} refused {name}: {result.ia.message}")
        if getattr(result, "io", None):
            kind = Refused if result.io.canRetry is False else ServerBusy
            raise kind(f"HBase failed in {name}: {_first_line(result.io.message)}")
        return getattr(result, "success", None)

    def rows(self, name: str, **arguments: Any) -> Sequence[Row]:
        """As `call`, of a call that answers with rows: packed where the answer is as simple as it should be."""
        try:
            answer = _ask_for_rows(self._socket.handle, self._protocol, next(self._numbers), name, arguments)
        except (TTransportException, TProtocolException, OSError, EOFError) as error:
            raise ConnectionLost(f"the connection to {self.endpoint} broke in {name}: {_text(error)}") from error
        except TApplicationException as error:
            raise Refused(f"{self.endpoint} refused {name}: {_text(error)}") from error
        if isinstance(answer, PackedRows):
            return answer
        rows: list[Row] = self._success(name, answer)
        return rows

    def close(self) -> None:
        self._protocol.trans.close()

    def _check_server(self) -> None:
        try:
            kind = _ask(self._protocol, 0, "getThriftServerType", {}).success
        except TApplicationException as error:
            if (
                error.type == TApplicationException.UNKNOWN_METHOD
            ):  # before HBase 2.1.1 neither server knew the question
                return self._check_old_server()
            raise WrongServer(*_not_thrift2(self.endpoint, _text(error))) from error
        except TTransportException as error:
            if error.type == TTransportException.TIMED_OUT:
                raise ConnectionLost(f"{self.endpoint} does not answer") from error
            raise self._closed_on_us(error) from error
        except (TProtocolException, EOFError) as error:
            raise WrongServer(*_not_thrift2(self.endpoint, _text(error))) from error
        except OSError as error:
            raise ConnectionLost(f"the connection to {self.endpoint} broke: {_text(error)}") from error
        if kind != _THRIFT2:
            raise _thrift1(self.endpoint)
        return None

    def _check_old_server(self) -> None:
        """Thrift1 does not know this call."""
        try:
            _ask(self._protocol, 0, "getAllRegionLocations", {"table": b"hbase:meta"})
        except TApplicationException as error:
            raise _thrift1(self.endpoint) from error

    def _closed_on_us(self, error: TException) -> Exception:
        """A server of another transport or protocol hangs up at the first byte. Find out which by asking its way."""
        for wording, wrap in _OTHER_WORDINGS:
            if _answers(self.endpoint, wrap):
                return WrongServer(
                    f"{self.endpoint} speaks Thrift, but {wording}",
                    "Start it with hbase.regionserver.thrift.framed=false and hbase.regionserver.thrift.compact=false.",
                )
        return ConnectionLost(f"{self.endpoint} closed the connection: {_text(error)}")


def _thrift1(endpoint: Endpoint) -> WrongServer:
    return WrongServer(
        f"{endpoint} is a Thrift1 server", "Start `hbase thrift2 start` and give its port: both use 9090."
    )


def _not_thrift2(endpoint: Endpoint, detail: str) -> tuple[str, str]:
    return f"what answers at {endpoint} is not HBase's Thrift2 server: {detail}", ConnectionLost.default_hint


def _open_socket(endpoint: Endpoint) -> TSocket:
    opened = TSocket(endpoint.host, endpoint.port, socket_keepalive=True)
    opened.setTimeout(endpoint.connect_timeout * 1000)
    try:
        opened.open()
    except TTransportException as error:
        raise ConnectionLost(f"HBase's Thrift2 server at {endpoint} cannot be reached: {_text(error)}") from error
    opened.handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.setTimeout(endpoint.read_timeout * 1000)
    return opened


def _protocol(transport: Any) -> TBinaryProtocolAccelerated:
    return TBinaryProtocolAccelerated(
        transport, fallback=False, string_length_limit=_LARGEST, container_length_limit=_LARGEST
    )


_OTHER_WORDINGS = (
    ("with the framed transport", lambda socket: _protocol(TFramedTransport(socket))),
    ("with the compact protocol", lambda socket: TCompactProtocol(TBufferedTransport(socket))),
    ("framed and compact", lambda socket: TCompactProtocol(TFramedTransport(socket))),
)


def _answers(endpoint: Endpoint, wrap: Any) -> bool:
    opened = None
    try:
        opened = _open_socket(
            Endpoint(endpoint.host, endpoint.port, endpoint.connect_timeout, endpoint.connect_timeout)
        )
        _ask(wrap(opened), 0, "getThriftServerType", {})
    except TApplicationException:
        return True
    except (TException, ConnectionLost, OSError, EOFError):
        return False
    finally:
        if opened is not None:
            opened.close()
    return True


def _ask(protocol: TProtocolBase, number: int, name: str, arguments: dict[str, Any]) -> Any:
    """Send one call, read its whole answer. Raises thrift's own exceptions."""
    _send(protocol, number, name, arguments)
    return _answer(protocol, number, name)


def _send(protocol: TProtocolBase, number: int, name: str, arguments: dict[str, Any]) -> None:
    protocol.writeMessageBegin(name, TMessageType.CALL, number)
    CALLS[name][0](**arguments).write(protocol)
    protocol.writeMessageEnd()
    protocol.trans.flush()


def _answer(protocol: TProtocolBase, number: int, name: str) -> Any:
    answered, kind, answered_number = protocol.readMessageBegin()
    if kind == TMessageType.EXCEPTION:
        error = TApplicationException()
        error.read(protocol)
        protocol.readMessageEnd()
        raise error
    if (answered, answered_number) != (name, number):
        raise TProtocolException(message=f"asked {name} number {number}, answered {answered} number {answered_number}")
    reply = CALLS[name][1]()
    reply.read(protocol)
    protocol.readMessageEnd()
    return reply


def _ask_for_rows(
    handle: socket.socket, protocol: TProtocolBase, number: int, name: str, arguments: dict[str, Any]
) -> Any:
    """The rows packed, or the call's result as thrift decodes it."""
    _send(protocol, number, name, arguments)
    head = struct.pack(f"!I i{len(name)}s i", _REPLY, len(name), name.encode(), number) + _LIST
    received = receive(handle, head)
    packed = parse(received, len(head)) if received.startswith(head) else None
    return packed if packed is not None else _answer(_protocol(Prefilled(received, handle)), number, name)


def _text(error: BaseException) -> str:
    return str(getattr(error, "message", None) or error or type(error).__name__)


def _first_line(message: str | None) -> str:
    return (message or "no message").strip().partition("\n")[0][:300]
