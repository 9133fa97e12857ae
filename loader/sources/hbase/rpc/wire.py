"""The socket of one connection: address, preamble, frames, and the first bytes of whoever is no server of HBase's.

A connection begins with `HBas`, a version and how the client proves who it is, and a ConnectionHeader. Then frames go
both ways: length(4), a header and a message, each behind its length as a varint, and behind them a cell block.
"""

import socket
import struct
from contextlib import suppress

from loader.sources.hbase.access.errors import ConnectionLost, WrongServer
from loader.sources.hbase.access.protobuf import of_bytes, of_int, varint
from loader.sources.hbase.rpc.remote import Server

CODEC = b"org.apache.hadoop.hbase.codec.KeyValueCodec"
CONNECT_S = 5.0
LARGEST_FRAME = 1 << 30
"""No answer is that long: an answer has about 4 MB, and at most one cell more."""
_MAGIC, _VERSION, _SIMPLE = b"HBas", 0, 80
_SLACK_S = 5
"""The server drops a call when its time is over, and says so: it is given as long to say it."""
_SPEAKS_AS = "2.6.1"
_THRIFT_CALL = b"\x80\x01\x00\x01\x00\x00\x00\x13getThriftServerType\x00\x00\x00\x00\x00"


def address_of(server: Server) -> str:
    host, port = server
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def open_socket(server: Server, timeout_s: float) -> socket.socket:
    """Raises ConnectionLost. Reads and writes give up after `timeout_s` and a little: the kernel keeps the time, so
    that an answer of megabytes is one call of the socket's.
    """
    try:
        opened = socket.create_connection(server, CONNECT_S)
    except OSError as error:
        raise ConnectionLost(f"HBase's server at {address_of(server)} cannot be reached: {error}") from error
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    opened.settimeout(None)
    seconds = timeout_s + (_SLACK_S if timeout_s > _SLACK_S else 0)
    span = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, span)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, span)
    return opened


def preamble(service: str, user: str) -> bytes:
    """All that is sent before the first call. `ConnectionHeader{user_info=1, service_name=2, cell_block_codec_class=3,
    version_info=5}`, the user's name effective_user=1.
    """
    major, minor, _ = (int(part) for part in _SPEAKS_AS.split("."))
    texts = b"".join(of_bytes(number, b"hotswap") for number in range(2, 7))
    version = of_bytes(1, _SPEAKS_AS.encode()) + texts + of_int(7, major) + of_int(8, minor)
    header = of_bytes(1, of_bytes(1, user.encode())) + of_bytes(2, service.encode()) + of_bytes(3, CODEC)
    header += of_bytes(5, version)
    return _MAGIC + bytes((_VERSION, _SIMPLE)) + struct.pack(">I", len(header)) + header


def request(number: int, method: str, message: bytes, timeout_ms: int, priority: int) -> bytes:
    """One call. `RequestHeader{call_id=1, method_name=3, request_param=4, priority=6, timeout=7}`."""
    header = of_int(1, number) + of_bytes(3, method.encode()) + of_int(4, 1)
    header += (of_int(6, priority) if priority else b"") + of_int(7, timeout_ms)
    body = b"".join((varint(len(header)), header, varint(len(message)), message))
    return struct.pack(">I", len(body)) + body


def send(opened: socket.socket, data: bytes) -> None:
    """Raises OSError."""
    opened.sendall(data)


def receive(opened: socket.socket, size: int) -> bytes:
    """Just so many bytes. Raises OSError, EOFError if the server closes the connection before, TimeoutError."""
    try:
        found = opened.recv(size, socket.MSG_WAITALL)
        if len(found) == size:
            return found
        parts, left = [found], size - len(found)
        while left:
            if not parts[-1]:
                raise EOFError("the server closed the connection")
            parts.append(opened.recv(min(left, 1 << 20)))
            left -= len(parts[-1])
    except BlockingIOError as error:
        raise TimeoutError("no answer in time") from error
    return b"".join(parts)


def frame_length(head: bytes, server: Server) -> int:
    """Of the frame that begins so. Raises WrongServer for the first bytes of another protocol, or an impossible one."""
    (size,) = struct.unpack(">I", head)
    if size <= LARGEST_FRAME and head[:3] not in (b"\x15\x03\x03", b"\x15\x03\x01"):
        return int(size)
    raise _wrong(server, _protocol_of(head))


def _protocol_of(head: bytes) -> str:
    if head.startswith(b"HTTP"):
        return "it speaks HTTP: is it the port of a web page, as 16010 and 16030 are?"
    if head.startswith(b"\x15\x03"):
        return "it wants TLS, which is not supported to HBase yet"
    if head.startswith(b"\x80\x01"):
        return "it speaks Thrift: give that address as hbase.thrift"
    return f"its first bytes are {head!r}"


def _wrong(server: Server, detail: str) -> WrongServer:
    return WrongServer(
        f"what answers at {address_of(server)} does not speak HBase's RPC: {detail}",
        "Give the RPC port of a master or region server (16000, 16020), or ZooKeeper's, or hbase-site.xml.",
    )


def other_than_hbase(server: Server) -> WrongServer | None:
    """Who it is that hung up on us or kept silent before its first answer, found out by trying; None: nobody knows."""
    probes = ((_THRIFT_CALL, b"\x80\x01"), (b"GET / HTTP/1.0\r\n\r\n", b"HTTP"), (b"ruok", b"imok"))
    for question, answer in probes:
        with suppress(OSError), socket.create_connection(server, 1.0) as asked:
            asked.settimeout(1.0)
            asked.sendall(question)
            if asked.recv(4).startswith(answer[:4]):
                zookeeper = "it is a ZooKeeper: give that address as hbase.zookeeper"
                return _wrong(server, zookeeper if answer == b"imok" else _protocol_of(answer))
    return None
