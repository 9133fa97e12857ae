"""What windows, re-reads and checks ask of HBase: one protocol, which both ways to HBase fulfil.

`thrift2/` asks a Thrift2 server, `rpc/` the region servers themselves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from loader.sources.hbase.access.row import Row

ALL_VERSIONS = 2147483647
ROW_BYTES = 64 << 20
"""The largest row that is held, unless somebody says otherwise."""
Columns = Sequence[tuple[bytes, bytes | None]]
"""(family, qualifier), None for the whole family."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call is tried again after an error that may go away: seconds, and number of tries."""

    seconds: float = 30.0
    tries: int = 50
    longest_pause: float = 5.0


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """Keys `[start, stop)`; an empty stop is the end of the table."""

    start: bytes
    stop: bytes


@dataclass(frozen=True, slots=True)
class Scan:
    """Rows `[start, stop)` in key order; an empty stop is the end of the table, no `columns` all of them.

    `times`: only cells stamped `[from, to)`, in ms. `raw`: delete markers and what they hide as well; takes families
    only. `filter_bytes`: `Filter` of HBase's `Filter.proto`. `whole`: the filter judges whole rows, which then must not
    be cut. `caching`: so many rows a Thrift server asks a region server for at once.
    """

    start: bytes = b""
    stop: bytes = b""
    columns: Columns = ()
    versions: int = 1
    times: tuple[int, int] | None = None
    raw: bool = False
    filter_bytes: bytes | None = None
    whole: bool = False
    cache_blocks: bool = False
    caching: int = 1000


class HBaseClient(Protocol):
    """Reads that heal. Not for several threads; connects at the first call, and again after a loss.

    Every call raises ConnectionLost or ServerBusy (both Unavailable) when patience has run out, Refused (SourceError)
    at once, and WrongServer if what listens at the configured address is something else.
    """

    @property
    def address(self) -> str:
        """Whom it asks, for messages."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def close(self) -> None: ...

    def table_exists(self, table: str) -> bool: ...

    def families(self, table: str) -> frozenset[bytes]:
        """The table's column families. Raises NoSuchTable."""
        ...

    def family_settings(self, table: str) -> dict[bytes, dict[bytes, bytes]]:
        """Family → its settings (TTL, VERSIONS, …, its own configuration) as HBase spells them. Raises NoSuchTable."""
        ...

    def check_table(self, table: str, families: Sequence[bytes]) -> None:
        """Raises NoSuchTable, NoSuchFamily or TableDisabled unless the table is there, enabled, with these families."""
        ...

    def regions(self, table: str) -> tuple[Region, ...]:
        """The table's regions in key order. Raises NoSuchTable."""
        ...

    def scan(self, table: str, scan: Scan, rows: int = 1000, row_bytes: int = ROW_BYTES) -> Iterator[list[Row]]:
        """Whole rows in key order, up to `rows` at a time. Of a row above `row_bytes` comes the key alone.

        Regions may split, merge and move meanwhile, servers may go and come: it goes on behind the last row that was
        handed out. A table that is truncated under it may end it early: see `check_table` and `sighting_of`.
        """
        ...

    def scan_packed(
        self, table: str, scan: Scan, rows: int = 1000, row_bytes: int = ROW_BYTES
    ) -> Iterator[Sequence[Row]]:
        """As `scan`, but each batch is a PackedRows where that is possible: for whoever looks at columns, not cells."""
        ...

    def any_row(self, table: str, scan: Scan, row_bytes: int = ROW_BYTES) -> bool:
        """Whether the scan would find anything. Reads up to the first row."""
        ...

    def get_rows(
        self, table: str, keys: Sequence[bytes], columns: Columns, row_bytes: int = ROW_BYTES
    ) -> Iterator[Sequence[Row]]:
        """Those of `keys` (sorted, unique) that exist, as they are now, by batched Gets; for a few of them.

        A key that does not come has been answered for by the server of its region: it has no such row.
        """
        ...

    def put_cell(self, table: str, row: bytes, family: bytes, qualifier: bytes) -> None:
        """Put an empty cell without a timestamp, once: for tables of the loader's own."""
        ...
