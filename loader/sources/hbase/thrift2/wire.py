"""Thrift on a socket: the address, one call and its answer, and the errors of whoever does not answer as hoped."""

import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.protocol.TProtocol import TProtocolBase, TProtocolException
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TTransportException

from loader.basics.errors import SourceError
from loader.sources.hbase.access import errors
from loader.sources.hbase.thrift2.idl import CALLS

logging.getLogger("thrift").addHandler(logging.NullHandler())  # or each failure to connect is a line on stderr as well

_LARGEST = 2**31 - 1  # thrift's own default refuses cells above 16 MB


class ConnectionLost(errors.ConnectionLost):
    """The connection to the Thrift2 server."""

    default_hint = "Is HBase's Thrift2 server up (`hbase thrift2 start`), and is hbase.thrift its host:port?"


class ServerBusy(errors.ServerBusy):
    """As the Thrift2 server passes it on."""

    default_hint = "See the log of HBase's Thrift2 server and of its region servers."


class Refused(errors.Refused):
    """By the Thrift2 server, or by HBase behind it."""

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


def open_socket(endpoint: Endpoint) -> TSocket:
    opened = TSocket(endpoint.host, endpoint.port, socket_keepalive=True)
    opened.setTimeout(endpoint.connect_timeout * 1000)
    try:
        opened.open()
    except TTransportException as error:
        raise ConnectionLost(f"HBase's Thrift2 server at {endpoint} cannot be reached: {text_of(error)}") from error
    opened.handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.setTimeout(endpoint.read_timeout * 1000)
    return opened


def binary_protocol(transport: Any) -> TBinaryProtocolAccelerated:
    return TBinaryProtocolAccelerated(
        transport, fallback=False, string_length_limit=_LARGEST, container_length_limit=_LARGEST
    )


Calls = Mapping[str, tuple[Any, Any]]
"""As `idl.CALLS`."""


def ask(protocol: TProtocolBase, number: int, name: str, arguments: dict[str, Any], calls: Calls = CALLS) -> Any:
    """Send one call, read its whole answer. Raises thrift's own exceptions."""
    send(protocol, number, name, arguments, calls)
    return answer(protocol, number, name, calls)


def send(protocol: TProtocolBase, number: int, name: str, arguments: dict[str, Any], calls: Calls = CALLS) -> None:
    protocol.writeMessageBegin(name, TMessageType.CALL, number)
    calls[name][0](**arguments).write(protocol)
    protocol.writeMessageEnd()
    protocol.trans.flush()


def answer(protocol: TProtocolBase, number: int, name: str, calls: Calls = CALLS) -> Any:
    answered, kind, answered_number = protocol.readMessageBegin()
    if kind == TMessageType.EXCEPTION:
        error = TApplicationException()
        error.read(protocol)
        protocol.readMessageEnd()
        raise error
    if (answered, answered_number) != (name, number):
        raise TProtocolException(message=f"asked {name} number {number}, answered {answered} number {answered_number}")
    reply = calls[name][1]()
    reply.read(protocol)
    protocol.readMessageEnd()
    return reply


def text_of(error: BaseException) -> str:
    return str(getattr(error, "message", None) or error or type(error).__name__)
