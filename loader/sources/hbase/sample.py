"""A few rows with raw bytes beside decoded values, for `hotswap init --sample`: is the mapping the right one?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from loader.mapping import Mapping
from loader.mapping.cells import gather
from loader.sources.hbase.access.api import Columns, HBaseClient, Scan
from loader.sources.hbase.access.row import Row

MOST_SCANS = 200
"""A table may have thousands of regions: neighbours are then read by one scan."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """One column of one row: its bytes (None: no cell), and the value or why there is none."""

    key: bytes
    column: str
    raw: bytes | None
    value: object
    reason: str | None


def sample(client: HBaseClient, table: str, mapping: Mapping, rows: int = 20) -> Iterator[Sampled]:
    """Up to `rows` rows that exist by the mapping, from all over the table, in key order.

    Raises NoSuchTable or NoSuchFamily.
    """
    client.check_table(table, mapping.families)
    for row in spread_rows(client, table, mapping.qualifiers, rows):
        yield from _columns(row, mapping)


def spread_rows(client: HBaseClient, table: str, columns: Columns, rows: int) -> list[Row]:
    """Up to `rows` rows in key order, from as many regions as there are; fewer only where the table has no more."""
    regions = [(region.start, region.stop) for region in client.regions(table)]
    asked = _spread(regions, min(rows, MOST_SCANS))
    found: dict[bytes, Row] = {}
    while asked and len(found) < rows:
        share = -(-(rows - len(found)) // len(asked))
        further = []
        for start, end in asked:
            some = _scanned(client, table, columns, start, end, min(share, rows - len(found)))
            found.update((row.row, row) for row in some)
            if some and len(some) == share:
                further.append((some[-1].row + b"\0", end))
        asked = further
    return [found[key] for key in sorted(found)]


def _spread(regions: Sequence[tuple[bytes, bytes]], most: int) -> list[tuple[bytes, bytes]]:
    """All regions, or stretches of neighbours of about equal number, so that no region is left out for ever."""
    if len(regions) <= most:
        return list(regions)
    cuts = [len(regions) * place // most for place in range(most)] + [len(regions)]
    return [(regions[low][0], regions[high - 1][1]) for low, high in pairwise(cuts)]


def _scanned(client: HBaseClient, table: str, columns: Columns, start: bytes, end: bytes, rows: int) -> list[Row]:
    scan = Scan(start, end, columns, caching=rows)
    return list(islice((row for batch in client.scan(table, scan, rows) for row in batch), rows))


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
