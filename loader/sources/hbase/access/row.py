"""A row and its cells as objects, for whoever looks at a few of them; many come as `PackedRows`."""


class Cell:
    """One cell as read. `type`: 4 put, 8 version delete, 10 family version, 12 column, 14 family delete.

    Without a constructor of its own, because a scan makes a million of them.
    """

    __slots__ = ("family", "qualifier", "timestamp", "type", "value")

    family: bytes
    qualifier: bytes
    value: bytes
    timestamp: int
    type: int


def cell(family: bytes, qualifier: bytes, value: bytes, timestamp: int, type: int = 4) -> Cell:
    made = Cell()
    made.family, made.qualifier, made.value, made.timestamp, made.type = family, qualifier, value, timestamp, type
    return made


class Row:
    """One row as read. `row` is empty (no key can be) where a Get found nothing.

    `left_out`: the row is too large to be held, and has no cells here; so many bytes had been read of it.
    """

    row: bytes = b""
    columnValues: list[Cell]
    left_out: int = 0
