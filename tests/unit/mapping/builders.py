"""Short ways to write HBase rows."""

from loader.sources.hbase.access.row import Cell, Row, cell

NOW = 1_700_000_000_000


def row(key: bytes, cells: dict[str, bytes], timestamp: int = NOW) -> Row:
    """`row(b"k", {"d:x": b"1"})`."""
    return row_of(key, [cell(*_place(place), value, timestamp) for place, value in cells.items()])


def row_of(key: bytes, cells: list[Cell]) -> Row:
    made = Row()
    made.row, made.columnValues = key, cells
    return made


def _place(place: str) -> tuple[bytes, bytes]:
    family, _, qualifier = place.partition(":")
    return family.encode(), qualifier.encode()
