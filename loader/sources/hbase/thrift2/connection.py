"""One connection to a Thrift2 server: one call at a time, accelerated binary protocol on a buffered transport."""

import itertools
import socket
import struct
from collections.abc import Sequence
from typing import Any

from thrift.protocol.TProtocol import TProtocolBase, TProtocolException
from thrift.Thrift import TApplicationException
from thrift.transport.TTransport import TBufferedTransport, TTransportException

from loader.sources.hbase.access.errors import WrongServer
from loader.sources.hbase.access.packed_rows import PackedRows
from loader.sources.hbase.access.row import Row
from loader.sources.hbase.thrift2.greeting import check_server
from loader.sources.hbase.thrift2.packed import parse
from loader.sources.hbase.thrift2.receive import Prefilled, receive
from loader.sources.hbase.thrift2.wire import (
    ConnectionLost,
    Endpoint,
    Refused,
    ScannerGone,
    ServerBusy,
    answer,
    ask,
    binary_protocol,
    open_socket,
    send,
    text_of,
)

_READ_BUFFER = 1 << 18
_REPLY = 0x80010002  # protocol version, and TMessageType.REPLY
_LIST = b"\x0f\0\0"  # field 0, success, is a list


class Connection:
    """Made open, and only to a server that is Thrift2. After any ConnectionLost it must be closed."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._socket = open_socket(endpoint)
        self._protocol = binary_protocol(TBufferedTransport(self._socket, _READ_BUFFER))
        self._numbers = itertools.count(1)
        try:
            check_server(self._protocol, endpoint)
        except BaseException:
            self.close()
            raise

    def call(self, name: str, **arguments: Any) -> Any:
        """One call and its answer. Raises ConnectionLost, ServerBusy, Refused or ScannerGone."""
        try:
            result = ask(self._protocol, next(self._numbers), name, arguments)
        except (TTransportException, TProtocolException, OSError, EOFError) as error:
            raise ConnectionLost(f"the connection to {self.endpoint} broke in {name}: {text_of(error)}") from error
        except TApplicationException as error:
            raise Refused(f"{self.endpoint} refused {name}: {text_of(error)}") from error
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
            raise ConnectionLost(f"the connection to {self.endpoint} broke in {name}: {text_of(error)}") from error
        except TApplicationException as error:
            raise Refused(f"{self.endpoint} refused {name}: {text_of(error)}") from error
        if isinstance(answer, PackedRows):
            return answer
        rows: list[Row] = self._success(name, answer)
        return rows

    def close(self) -> None:
        self._protocol.trans.close()


def _ask_for_rows(
    handle: socket.socket, protocol: TProtocolBase, number: int, name: str, arguments: dict[str, Any]
) -> Any:
    """The rows packed, or the call's result as thrift decodes it."""
    send(protocol, number, name, arguments)
    head = struct.pack(f"!I i{len(name)}s i", _REPLY, len(name), name.encode(), number) + _LIST
    received = receive(handle, head)
    packed = parse(received, len(head)) if received.startswith(head) else None
    return packed if packed is not None else answer(binary_protocol(Prefilled(received, handle)), number, name)


def _first_line(message: str | None) -> str:
    return (message or "no message").strip().partition("\n")[0][:300]


__all__ = ["Connection", "ConnectionLost", "Endpoint", "Refused", "ScannerGone", "ServerBusy", "WrongServer"]
