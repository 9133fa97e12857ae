"""A whole answer as bytes, although thrift's buffered transport does not say how long one is."""

import io
import select
import socket

from thrift.transport.TTransport import CReadableTransport, TTransportBase, TTransportException

_CHUNK = 1 << 20
_ENDS = (b"\x02\0\4\0\0\0", b"\x02\0\4\1\0\0")  # the last row's flag `partial`, the stops of that row and the result
_EMPTY = b"\x0c\0\0\0\0\0"  # a list of no structs, and the stop of the result
_STOPS = b"\0\0"  # any struct in a struct ends so
_PAUSE_S = 0.01


def receive(handle: socket.socket, head: bytes) -> bytes:
    """All that the server sent, as far as it can be told from the bytes; at least one byte.

    An answer of rows begins with `head` and ends in a known way, and so does one of none. Anything else is handed over
    once the server pauses: whoever decodes it reads on. Raises EOFError, and OSError (a time-out, say).
    """
    chunks: list[bytes] = []
    size, tail = 0, b""
    while True:
        chunks.append(_some(handle))
        size, tail = size + len(chunks[-1]), (tail + chunks[-1])[-len(_ENDS[0]) :]
        if tail in _ENDS or (tail == _EMPTY and size == len(head) + len(_EMPTY)):
            break
        unknown = not head.startswith(chunks[0][: len(head)])
        if (unknown or tail.endswith(_STOPS)) and not select.select([handle], [], [], _PAUSE_S)[0]:
            break
    return b"".join(chunks)


def _some(handle: socket.socket) -> bytes:
    received = handle.recv(_CHUNK)
    if not received:
        raise EOFError("the server closed the connection")
    return received


class Prefilled(TTransportBase, CReadableTransport):  # type: ignore[misc] # thrift is untyped
    """A transport for one answer of which the beginning has been received; the rest comes from the socket."""

    def __init__(self, received: bytes, handle: socket.socket) -> None:
        self._buffer, self._handle = io.BytesIO(received), handle

    @property
    def cstringio_buf(self) -> io.BytesIO:
        """What thrift's C code reads from."""
        return self._buffer

    def cstringio_refill(self, partialread: bytes, reqlen: int) -> io.BytesIO:
        """What was not read yet, and more, to at least `reqlen` bytes. Raises TTransportException at the end."""
        data = bytearray(partialread)
        while len(data) < reqlen:
            received = self._handle.recv(_CHUNK)
            if not received:
                raise TTransportException(TTransportException.END_OF_FILE, "the server closed the connection")
            data += received
        self._buffer = io.BytesIO(bytes(data))
        return self._buffer

    def read(self, size: int) -> bytes:
        data = self._buffer.read(size)
        return data if len(data) == size else self.cstringio_refill(data, size).read(size)
