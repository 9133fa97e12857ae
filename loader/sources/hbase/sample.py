"""A few rows with raw bytes beside decoded values, for `hotswap init --sample`: is the mapping the right one?"""

from collections.abc import Iterator
from dataclasses import dataclass

from loader.mapping import Mapping
from loader.mapping.cells import gather
from loader.sources.hbase.access.api import HBaseClient, Scan
from loader.sources.hbase.access.row import Row


@dataclass(frozen=True, slots=True)
class Sampled:
    """One column of one row: its bytes (None: no cell), and the value or why there is none."""

    key: bytes
    column: str
    raw: bytes | None
    value: object
    reason: str | None


def sample(client: HBaseClient, table: str, mapping: Mapping, rows: int = 20) -> Iterator[Sampled]:
    """The first `rows` rows that exist by the mapping. Raises NoSuchTable or NoSuchFamily."""
    client.check_table(table, mapping.families)
    for batch in client.scan(table, Scan(columns=mapping.qualifiers, caching=rows), rows):
        for row in batch:
            yield from _columns(row, mapping)
        return


def _columns(row: Row, mapping: Mapping) -> Iterator[Sampled]:
    decoded, problems = mapping.row_key.decode([row.row])
    for name, column in decoded.items():
        yield Sampled(row.row, name, row.row, column[0].as_py(), problems[0][0] if 0 in problems else None)
    gathered = gather([row], mapping.cells, mapping.family_maps)
    for cell in mapping.cells:
        column, reasons = cell.decode(gathered)
        yield Sampled(row.row, cell.name, gathered.cells[cell.name][0], column[0].as_py(), reasons.get(0))
    for family in mapping.family_maps:
        column, reasons = family.decode(gathered)
        for qualifier, value in gathered.maps[family.name][0]:
            shown = dict(column[0].as_py()).get(qualifier.decode("utf-8", "replace"))
            yield Sampled(
                row.row, f"{family.name}[{qualifier.decode('utf-8', 'replace')}]", value, shown, reasons.get(0)
            )
