"""Rows above a bound are left out: of each comes the key alone, with the bytes that were seen of it."""

from collections.abc import Sequence
from itertools import pairwise

from loader.sources.hbase.access.packed_rows import CELL_BYTES, PackedRows
from loader.sources.hbase.access.row import Row

Batch = Sequence[Row]


def left_out(key: bytes, weight: int) -> Row:
    """A row that is too large to be held: its key, and how many bytes were seen of it."""
    row = Row()
    row.row, row.columnValues, row.left_out = key, [], weight
    return row


def fitting(rows: Sequence[Row], most: int) -> list[Row]:
    """Rows that came whole; those above `most` bytes are left out like those of a scan."""
    heavy = zip(rows, weights(rows), strict=True)
    return [left_out(row.row, weight) if weight > most else row for row, weight in heavy]


def fitting_batches(rows: Batch, most: int) -> list[Batch]:
    """The rows, those above `most` bytes left out. No row weighs more than the answer that it came in."""
    if isinstance(rows, PackedRows) and len(rows.buffer) <= most:
        return [rows]
    heavy = {index: weight for index, weight in enumerate(weights(rows)) if weight > most}
    if not heavy:
        return [rows]
    found: list[Batch] = []
    for before, index in pairwise([-1, *heavy, len(rows)]):
        found.append(rows[before + 1 : index])
        if index in heavy:
            found.append([left_out(key_of(rows, index), heavy[index])])
    return [batch for batch in found if len(batch)]


def weights(rows: Batch) -> list[int]:
    """Bytes of each row: the names and values of its cells, and what the protocol adds to them."""
    if isinstance(rows, PackedRows):
        known: list[int] = rows.weights.tolist()
        return known
    return [sum(_bytes(cell.family, cell.qualifier, cell.value) for cell in row.columnValues) for row in rows]


def _bytes(*texts: bytes) -> int:
    return CELL_BYTES + sum(map(len, texts))


def key_of(rows: Batch, index: int) -> bytes:
    return rows.key(index) if isinstance(rows, PackedRows) else rows[index].row


def size_of(rows: Batch) -> int:
    """Bytes of rows, about."""
    return len(rows.buffer) if isinstance(rows, PackedRows) else sum(weights(rows))
