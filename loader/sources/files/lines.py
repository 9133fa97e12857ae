"""Bytes to lines, a block at a time: numpy finds the ends, no line is touched by itself."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

LINES_AT_ONCE = 50_000
BLOCK = 8 << 20


class TooLong(Exception):
    """Line `number`, from 0 on, is longer than `longest` bytes."""

    def __init__(self, number: int, longest: int) -> None:
        super().__init__(number, longest)
        self.number, self.longest = number, longest


@dataclass(frozen=True, slots=True)
class Block:
    """Lines without their ends (`\\n` or `\\r\\n`). The first is line `first` of its file, from 0 on."""

    first: int
    lines: pa.Array


def blocks(pieces: Iterable[bytes], longest: int) -> Iterator[Block]:
    """All lines, the last one with or without its end. Holds about a piece and one line."""
    rest: list[bytes] = []
    held = first = 0
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if end:
            found = _split(b"".join([*rest, piece[:end]]), first, longest)
            yield from _cut(found)
            first += len(found.lines)
            rest, held = [], 0
        rest.append(piece[end:])
        held += len(piece) - end
        if held > longest:
            raise TooLong(first, longest)
    if held:
        yield _split(b"".join(rest) + b"\n", first, longest)


def _split(data: bytes, first: int, longest: int) -> Block:
    """`data` ends with a newline."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends - np.arange(len(ends))
    sizes = np.diff(offsets)
    if sizes.max() > longest:
        raise TooLong(first + int(np.argmax(sizes > longest)), longest)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data.translate(None, b"\n"))]
    return Block(first, pa.Array.from_buffers(pa.binary(), len(ends), buffers))


def _cut(block: Block) -> Iterator[Block]:
    for start in range(0, len(block.lines), LINES_AT_ONCE):
        yield Block(block.first + start, block.lines.slice(start, LINES_AT_ONCE))
