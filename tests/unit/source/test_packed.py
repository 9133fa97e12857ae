"""Answers decoded by positions are what thrift's own decoder makes of the same bytes, or are left to it."""

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated

from loader.sources.hbase.access.packed_rows import PackedRows
from loader.sources.hbase.access.row import Row
from loader.sources.hbase.seen_cells import packed_marks, row_marks
from loader.sources.hbase.thrift2.idl import CALLS
from loader.sources.hbase.thrift2.packed import parse
from loader.sources.hbase.thrift2.receive import Prefilled, receive

CellTuple = tuple[bytes, bytes, bytes, int, int]
RowTuple = tuple[bytes, Sequence[CellTuple]]
FLAGS = b"\x02\0\3\0\x02\0\4\0\0"
IN_PART = b"\x02\0\3\0\x02\0\4\1\0"
"""Of a row that may go on."""
HEAD = b"\x80\1\0\2\0\0\0\x0egetScannerRows\0\0\0\1\x0f\0\0"


def text(number: int, value: bytes) -> bytes:
    return struct.pack("!bhI", 11, number, len(value)) + value


def spelled(rows: Sequence[RowTuple], flags: bytes = FLAGS) -> bytes:
    """As HBase's Thrift2 server answers getScannerRows, behind the head of the message."""
    parts = [b"\x0c", struct.pack("!I", len(rows))]
    for key, cells in rows:
        parts += [text(1, key), b"\x0f\0\2\x0c", struct.pack("!I", len(cells))]
        for family, qualifier, value, timestamp, kind in cells:
            parts += [text(1, family), text(2, qualifier), text(3, value)]
            parts.append(struct.pack("!bhqbhbb", 10, 4, timestamp, 3, 6, kind, 0))
        parts.append(flags)
    return b"".join([*parts, b"\0"])


def plain(rows: Sequence[Row]) -> list[tuple[bytes, list[CellTuple]]]:
    return [
        (row.row, [(c.family, c.qualifier, c.value, c.timestamp, c.type) for c in row.columnValues]) for row in rows
    ]


CELL = st.tuples(
    st.sampled_from([b"d", b"family"]),
    st.binary(max_size=20),
    st.binary(max_size=40) | st.sampled_from([b"\0" * 30, FLAGS, b"\x0a\0\4" + b"\0" * 8]),
    st.integers(0, 2**62),
    st.sampled_from([4, 8, 10, 12, 14]),
)
ROWS = st.lists(st.tuples(st.binary(min_size=1, max_size=12), st.lists(CELL, min_size=1, max_size=5)), min_size=1)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.sampled_from([FLAGS, IN_PART, b"\0"]))
def test_rows_come_out_as_they_went_in(rows: list[RowTuple], flags: bytes) -> None:
    packed = parse(spelled(rows, flags), 0)
    assert packed is not None
    assert plain(packed) == [(key, list(cells)) for key, cells in rows]
    assert packed.keys().to_pylist() == [key for key, _ in rows]


TAIL = struct.pack("!bhqbhbb", 10, 4, 5, 3, 6, 4, 0)


@pytest.mark.parametrize("value", [TAIL, TAIL + b"\x0b\0\1", b"x" + TAIL * 2, TAIL + FLAGS], ids=range(4))
def test_a_value_that_looks_like_the_end_of_a_cell_is_left_to_thrift(value: bytes) -> None:
    assert parse(spelled([(b"k", [(b"d", b"q", value, 1, 4)])]), 0) is None


def test_a_row_without_cells_is_left_to_thrift() -> None:
    assert parse(spelled([(b"k", [(b"d", b"q", b"v", 1, 4)]), (b"l", [])]), 0) is None


@settings(max_examples=60, deadline=None)
@given(ROWS, st.data())
def test_no_part_of_an_answer_is_taken_for_the_whole(rows: list[RowTuple], data: st.DataObject) -> None:
    whole = spelled(rows)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    assert parse(cut, 0) is None


@settings(max_examples=60, deadline=None)
@given(ROWS, st.data())
def test_a_wrong_length_is_never_followed(rows: list[RowTuple], data: st.DataObject) -> None:
    """Whatever byte is changed: either nobody follows it, or it is inside a text, a number or a flag."""
    whole = bytearray(spelled(rows))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    packed = parse(bytes(whole), 0)
    if packed is not None:
        again = [(key, [tuple(cell) for cell in cells]) for key, cells in plain(packed)]
        assert len(spelled(again)) == len(whole)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(0, 2**62))
def test_marks_do_not_depend_on_the_way_of_decoding(rows: list[RowTuple], marks_from_ms: int) -> None:
    packed = parse(spelled(rows), 0)
    assert packed is not None
    keys, versions, fingerprints = (column.to_pylist() for column in packed_marks(packed, marks_from_ms))
    slow = [(row.row, *mark) for row in packed for mark in row_marks(row.columnValues, marks_from_ms)]
    assert sorted(zip(keys, versions, fingerprints, strict=True), key=repr) == sorted(slow, key=repr)


# The whole answer, from a socket that gives it in pieces


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with closing(one), closing(other):
        other.settimeout(5)
        yield one, other


def sent_in(pieces: Sequence[bytes], to: socket.socket, pause: float = 0.0) -> None:
    done = threading.Event()

    def send() -> None:
        for piece in pieces:
            to.sendall(piece)
            done.wait(pause)

    threading.Thread(target=send, daemon=True).start()


MANY = spelled([(b"%04d" % number, [(b"d", b"q", b"v" * 50, number, 4)] * 5) for number in range(500)])


def test_an_answer_in_many_pieces_is_put_together(pair: tuple[socket.socket, socket.socket]) -> None:
    whole = HEAD + MANY
    sent_in([whole[start : start + 7001] for start in range(0, len(whole), 7001)], pair[0])
    assert receive(pair[1], HEAD) == whole


def test_an_answer_that_ends_in_mid_row_is_whole(pair: tuple[socket.socket, socket.socket]) -> None:
    whole = HEAD + spelled([(b"k", [(b"d", b"q", b"v", 1, 4)])], IN_PART)
    sent_in([whole], pair[0])
    assert receive(pair[1], HEAD) == whole


def test_an_empty_answer_is_whole(pair: tuple[socket.socket, socket.socket]) -> None:
    sent_in([HEAD + spelled([])], pair[0])
    assert receive(pair[1], HEAD) == HEAD + spelled([])


def test_thrift_reads_on_where_the_server_paused(pair: tuple[socket.socket, socket.socket]) -> None:
    """A piece that ends like a struct, then a pause: taken for the end, found incomplete, and read on."""
    whole = HEAD + MANY
    cut = whole.index(b"\0\0", len(whole) // 2) + 2
    sent_in([whole[:cut], whole[cut:]], pair[0], pause=0.1)
    received = receive(pair[1], HEAD)
    assert received == whole[:cut]
    protocol = TBinaryProtocolAccelerated(Prefilled(received, pair[1]), fallback=False)
    protocol.readMessageBegin()
    result = CALLS["getScannerRows"][1]()
    result.read(protocol)
    packed = parse(MANY, 0)
    assert isinstance(packed, PackedRows)
    assert plain(result.success) == plain(packed)


def test_a_server_that_hangs_up_is_told_from_one_that_answers_nothing(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    pair[0].close()
    with pytest.raises(EOFError):
        receive(pair[1], HEAD)
