"""Addresses and connections. One carries one call at a time and is thrown away once broken."""

import re
import select
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.Thrift import TApplicationException, TException, TMessageType
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TMemoryBuffer, TTransportException

from metastore.auth import Auth, Mechanism, send
from metastore.errors import (
    NOT_A_METASTORE_HINT,
    MetastoreError,
    NoReply,
    NotAccepted,
    NotAMetastore,
    Refused,
    TooLarge,
    Unreachable,
    Unsupported,
    from_thrift,
)
from metastore.structs import GET_VERSION, SET_UGI, Call

DEFAULT_PORT = 9083
_URI = re.compile(r"thrift://(\[[0-9A-Fa-f:.]+\]|[^/:\[\]]+)(?::(\d{1,5}))?/?")


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_uris(uris: Sequence[str]) -> tuple[Address, ...]:
    """`thrift://host[:9083]`, also several in one text with commas, as `hive.metastore.uris` has them. ValueError."""
    texts = [text.strip() for uri in uris for text in uri.split(",") if text.strip()]
    if not texts:
        raise ValueError("no metastore URI given: write thrift://host:9083")
    return tuple(_parse_uri(text) for text in texts)


def _parse_uri(text: str) -> Address:
    match = _URI.fullmatch(text)
    if not match or int(match[2] or DEFAULT_PORT) not in range(1, 65536):
        raise ValueError(f"{text!r} is not a metastore URI: write thrift://host:9083")
    return Address(match[1].strip("[]"), int(match[2] or DEFAULT_PORT))


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `connect_s` includes the first answer; `reply_s` must be above the longest swap (72 s were measured)."""

    connect_s: float = 10.0
    reply_s: float = 600.0


class Connection:
    """One open connection. Any exception of `call` but a typed rejection leaves it unusable: close it."""

    def __init__(self, address: Address, auth: Auth, timeouts: Timeouts) -> None:
        """Connects and says who we are. Raises `Unreachable`, `NotAMetastore`, `NotAccepted`."""
        self.address = address
        self._socket = TSocket(address.host, address.port)
        self._socket.setHandle(_connect(address, timeouts, auth))
        try:
            self._transport = self._log_in(auth)
            self._protocol = TBinaryProtocolAccelerated(self._transport, strictRead=True)
            self._introduce(auth)
        except BaseException:
            self.close()
            raise
        self._socket.setTimeout(timeouts.reply_s * 1000)

    def _log_in(self, auth: Auth) -> Any:
        try:
            return auth.line(self._socket, self.address.host)
        except (TTransportException, OSError, EOFError) as error:
            if isinstance(error, TTransportException) and error.type == TTransportException.NOT_OPEN:
                raise NotAccepted(
                    f"{self.address} does not accept us by {auth.mechanism.value}: {error}",
                    "Check metastore.auth: mechanism, user and password, or the Kerberos ticket (klist).",
                ) from error
            raise _no_answer(self.address, error) from error

    def _introduce(self, auth: Auth) -> None:
        """The first call. A server that has authenticated us knows who we are."""
        try:
            if auth.mechanism is Mechanism.NONE:
                self.call(SET_UGI, auth.who(), list(auth.groups))
            else:
                self.call(GET_VERSION)
        except NoReply as error:
            raise _no_answer(self.address, error.__cause__) from error
        except Unsupported as error:
            raise NotAMetastore(f"{self.address} is a Thrift server, but no metastore", NOT_A_METASTORE_HINT) from error

    def is_alive(self) -> bool:
        """False once the server has hung up, as far as the operating system knows.

        Between calls nothing is under way: what can be read then is the end, or belongs to no call of ours.
        """
        if self._socket.handle is None:
            return False
        poll = select.poll()
        poll.register(self._socket.handle, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        self._socket.close()

    def call(self, call: Call, *arguments: Any, max_bytes: int | None = None) -> Any:
        """Send one call and read its answer; None for void.

        Raises `TooLarge` before anything is sent when the request exceeds `max_bytes`, otherwise what `from_thrift`
        makes of the exception.
        """
        request = _encode(call, arguments)
        if max_bytes is not None and len(request) > max_bytes:
            raise TooLarge(
                f"{call.name}: the request has {len(request):,} bytes, {self.address} takes {max_bytes:,}",
                "Raise hive.metastore.server.max.message.size (metastore.server.max.message.size), or change fewer "
                "partitions in one batch.",
            )
        try:
            send(self._transport, request)
            return _outcome(self._answer(call), call)
        except (TException, OSError, EOFError, TypeError, ValueError, MemoryError) as error:
            raise from_thrift(error, f"{call.name} at {self.address}") from error

    def _answer(self, call: Call) -> Any:
        name, kind, _ = self._protocol.readMessageBegin()
        if kind == TMessageType.EXCEPTION:
            error = TApplicationException()
            error.read(self._protocol)
            self._protocol.readMessageEnd()
            raise error
        if name != call.name:
            raise TApplicationException(TApplicationException.WRONG_METHOD_NAME, f"asked {call.name}, answered {name}")
        result = call.result()
        result.read(self._protocol)
        self._protocol.readMessageEnd()
        return result


class Pool:
    """Idle connections. Each call has one to itself, so that a heartbeat does not wait for a swap."""

    def __init__(self, addresses: Sequence[Address], auth: Auth, timeouts: Timeouts) -> None:
        self._addresses, self._auth, self._timeouts = tuple(addresses), auth, timeouts
        self._idle: list[Connection] = []
        self._mutex = threading.Lock()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One that was alive a moment ago. It goes back to the pool only after an answer, be it a typed rejection."""
        connection = self._take()
        try:
            yield connection
        except (Refused, Unsupported):
            self._give_back(connection)
            raise
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)

    def close(self) -> None:
        with self._mutex:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection:
        while True:
            with self._mutex:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._open()
            if connection.is_alive():
                return connection
            connection.close()

    def _give_back(self, connection: Connection) -> None:
        with self._mutex:
            self._idle.append(connection)

    def _open(self) -> Connection:
        failures: list[MetastoreError] = []
        for address in self._addresses:
            try:
                return Connection(address, self._auth, self._timeouts)
            except (Unreachable, NotAMetastore, NotAccepted) as error:
                failures.append(error)
        if len(failures) == 1:
            raise failures[0]
        for failure in failures:
            if isinstance(failure, NotAccepted):  # the other servers are of the same metastore
                raise failure
        raise Unreachable("; ".join(f.message for f in failures), failures[0].hint) from failures[0]


def _connect(address: Address, timeouts: Timeouts, auth: Auth) -> socket.socket:
    try:
        handle = socket.create_connection((address.host, address.port), timeout=timeouts.connect_s)
    except OSError as error:
        raise Unreachable(
            f"no metastore at {address}: {error.strerror or error}",
            "Check metastore.uris, and that the metastore runs and can be reached from here.",
        ) from error
    handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    try:
        return auth.secured(handle, address.host)
    except OSError as error:
        handle.close()
        if isinstance(error, TimeoutError):
            raise _no_answer(address, error) from error
        raise NotAccepted(f"no TLS with {address}: {error}", _TLS_HINT) from error


_TLS_HINT = (
    "Does the metastore speak TLS (metastore.use.SSL)? Is its certificate for the host in metastore.uris, and signed "
    "by metastore.tls.ca?"
)


def _no_answer(address: Address, error: BaseException | None) -> Unreachable:
    return Unreachable(
        f"{address} takes connections but does not answer ({error})",
        "The metastore may be starting, overloaded, or want LDAP, Kerberos or TLS (metastore.auth, metastore.tls). "
        "Look at its log.",
    )


def _encode(call: Call, arguments: Sequence[Any]) -> bytes:
    buffer = TMemoryBuffer()
    protocol = TBinaryProtocolAccelerated(buffer)
    protocol.writeMessageBegin(call.name, TMessageType.CALL, 0)
    call.args(*arguments).write(protocol)
    protocol.writeMessageEnd()
    encoded: bytes = buffer.getvalue()
    return encoded


def _outcome(result: Any, call: Call) -> Any:
    """What the result returns, or raises; a result that should carry a value and carries nothing is a broken answer."""
    fields = {field[0]: getattr(result, field[2]) for field in call.result.thrift_spec if field}
    for id_, value in fields.items():
        if id_ != 0 and value is not None:
            raise value
    if 0 in fields and fields[0] is None:
        raise TApplicationException(TApplicationException.MISSING_RESULT, f"{call.name} answered nothing")
    return fields.get(0)
