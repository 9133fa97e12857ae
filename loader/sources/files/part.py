"""One complete file as a stretch of the log: what tells it from all others, and its lines as messages."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loader.sources.api import MESSAGES, LeftOut
from loader.sources.files.gunzip import NotWhole, gunzip
from loader.sources.files.lines import BLOCK, Block, TooLong, blocks
from loader.sources.files.settings import Lines
from loader.storage.files import Files, Stamp


@dataclass(frozen=True, slots=True)
class FilePart:
    """`label`: the file in `:part`. `events` is estimated by its bytes. `header`: the line that it begins with."""

    path: str
    label: str
    stamp: Stamp
    events: int
    header: bytes | None = None


def read_part(files: Files, part: FilePart, lines: Lines) -> Iterator[pa.RecordBatch]:
    """All of its lines but empty ones, numbered from 0 on after the header. Raises LeftOut, maybe at the very end:
    what was yielded before counts only if the iteration ends.
    """
    _check(files, part)
    try:
        with files.open_input(part.path) as stream:
            for block in blocks(_pieces(stream, part.path), lines.longest):
                yield from _batch(block, part)
    except FileNotFoundError:
        raise _gone(part) from None
    except NotWhole as error:
        raise _bad(part, str(error)) from None
    except TooLong as error:
        why = f"line {error.number + 1} is longer than {error.longest:,} bytes"
        raise _bad(part, why) from None
    _check(files, part)


def _pieces(stream: BinaryIO, path: str) -> Iterator[bytes]:
    if path.endswith(".gz"):
        yield from gunzip(stream, BLOCK)
        return
    while piece := stream.read(BLOCK):
        yield piece


def _batch(block: Block, part: FilePart) -> Iterator[pa.RecordBatch]:
    lines, first = block.lines, block.first
    if part.header is not None and first == 0:
        if lines[0].as_py() != part.header:
            raise _bad(part, "its first line is not the header that the other files begin with")
        lines, first = lines.slice(1), 1
    at = pa.array(np.arange(first, first + len(lines)) - (part.header is not None))
    filled = pc.greater(pc.binary_length(lines), 0)
    if not pc.all(filled).as_py():
        lines, at = lines.filter(filled), at.filter(filled)
    if not len(lines):
        return
    label = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(lines), np.int32)), [part.label])
    times = pa.array(np.full(len(lines), part.stamp.changed_ns // 1_000_000))
    keys = pa.nulls(len(lines), pa.binary())
    yield pa.record_batch([label, at, times, keys, lines], schema=MESSAGES)


def _check(files: Files, part: FilePart) -> None:
    """Length, time of change and number are those that were seen when the file was found complete."""
    try:
        now = files.stamp(part.path)
    except FileNotFoundError:
        raise _gone(part) from None
    if now != part.stamp:
        message = f"{part.path}: changed after it was found complete: {part.stamp.size:,} bytes then, {now.size:,} now"
        raise LeftOut(message, part)


def _gone(part: FilePart) -> LeftOut:
    return LeftOut(f"{part.path}: was there, complete, and is gone, or has another name", part)


def _bad(part: FilePart, why: str) -> LeftOut:
    return LeftOut(f"{part.path}: {why}. It is not taken, and tried again once it has changed", part, bad=True)
