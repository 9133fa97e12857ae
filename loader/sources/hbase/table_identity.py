"""Which table it is that answers: one that was truncated, or dropped and made again, has the same name and no past.

No scan tells a table's age or its regions' ids, but `hbase:meta` can be scanned like any table. A region's row there is
`table,start,id.name.`, its id the time in ms (by the master's clock) when it was made; the row `table` holds
`table:state`, written anew whenever the table is enabled. A split or a merge makes new regions, but not all at once and
without touching the state; enabling touches the state, but makes no region. Both together are a new table.
"""

import re
from dataclasses import dataclass

from loader.sources.hbase.access.api import HBaseClient, Scan
from loader.sources.hbase.access.errors import NoSuchTable, Refused
from loader.sources.hbase.access.row import Row

META = "hbase:meta"
_REGION_ID = re.compile(rb",([0-9]+)(?:_[0-9A-F]{4})?(?:\.[0-9a-f]{32}\.)?$")  # replicas have a suffix


@dataclass(frozen=True, slots=True)
class Sighting:
    """Times in ms: when the oldest and the newest region were made, and when the table was last enabled."""

    oldest_ms: int
    newest_ms: int
    enabled_ms: int

    def replaces(self, known: "Sighting") -> bool:
        """Nothing of the table that `known` saw is left."""
        return self.oldest_ms > known.newest_ms and self.enabled_ms != known.enabled_ms


def sighting_of(client: HBaseClient, table: str) -> Sighting | None:
    """The table as it is now; None if `hbase:meta` may not be read. Raises NoSuchTable, Unavailable."""
    try:
        rows = [row for rows in client.scan(META, _scan(table)) for row in rows]
    except Refused:
        return None
    name = _name_in_meta(table)
    ids = [int(found[1]) for row in rows if row.row != name and (found := _REGION_ID.search(row.row))]
    if not ids:
        raise NoSuchTable(f"HBase has no table {table!r} any more", "Check hbase_table and its namespace.")
    return Sighting(min(ids), max(ids), max((_enabled(row) for row in rows if row.row == name), default=0))


def _scan(table: str) -> Scan:
    """The table's own row, and those of its regions: no name has a character between `,` and `-`."""
    name = _name_in_meta(table)
    return Scan(name, name + b"-", [(b"table", None), (b"info", b"state")], cache_blocks=True)


def _name_in_meta(table: str) -> bytes:
    return table.removeprefix("default:").encode()


def _enabled(row: Row) -> int:
    return max((cell.timestamp for cell in row.columnValues if cell.family == b"table"), default=0)
