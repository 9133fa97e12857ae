"""The bytes of a gzip stream, piece by piece, and proof that it was all of it."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO

READ_BYTES = 1 << 20
GZIP = 31  # zlib's name for a window of 32 KB with gzip's header and checksum


class NotWhole(Exception):
    """The stream ends in the middle, or its checksum is another: so much is known to be wrong with it."""


def gunzip(stream: BinaryIO, piece: int) -> Iterator[bytes]:
    """At most `piece` bytes at a time. Several gzip streams one after the other are one file, as for gzip itself."""
    inner, waiting = zlib.decompressobj(GZIP), b""
    while waiting or (waiting := stream.read(READ_BYTES)):
        if inner.eof:
            waiting = waiting.lstrip(b"\0")
            if not waiting:
                continue
            inner = zlib.decompressobj(GZIP)
        try:
            found = inner.decompress(waiting, piece)
        except zlib.error as error:
            raise NotWhole(f"its gzip stream is damaged ({error})") from None
        waiting = inner.unused_data if inner.eof else inner.unconsumed_tail
        if found:
            yield found
    if not inner.eof:
        raise NotWhole("it is cut short in the middle of its gzip stream")


def head_of(start: bytes, most: int) -> bytes:
    """What the first bytes of a gzip stream unpack to; nothing if they are none."""
    try:
        return zlib.decompressobj(GZIP).decompress(start, most)
    except zlib.error:
        return b""
