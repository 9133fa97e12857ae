"""From the configuration to HBase: clients, readers of rows and ranges, the rules of windows."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from loader.basics.errors import Unavailable
from loader.datafiles.orc_limits import WithinOrc
from loader.mapping import Mapping
from loader.mapping.transform import Transform
from loader.sources.hbase import connect
from loader.sources.hbase.access.api import HBaseClient, Patience
from loader.sources.hbase.access.where import SERVERS, THRIFT, ZOOKEEPER, Where
from loader.sources.hbase.clock import measure_skew
from loader.sources.hbase.key_ranges import RangeReader
from loader.sources.hbase.reread import HBaseRowReader
from loader.sources.hbase.rpc.site import where_of_site
from loader.sources.hbase.windows import WindowRules
from loader.wiring.mapping import transform_of

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings

READ_THREADS = 4
"""They wait for HBase side by side."""

DEEP_EVERY_MS = 60_000


def reader_of(
    settings: "Settings", table: "TableSettings", mapping: Mapping, patience: Patience | None = None
) -> HBaseRowReader:
    """Reads rows as the table wants them, transform included. Raises MappingError."""
    connect, transform = connector(settings, patience), _transform(table, mapping)
    return HBaseRowReader(connect, table.hbase_table, mapping, transform, row_bytes=table.max_row_bytes)


def ranges_of(settings: "Settings", table: "TableSettings", mapping: Mapping) -> RangeReader:
    """Reads ranges of keys, with the same transform: a row is bad for a comparison if it is for a batch."""
    transform = _transform(table, mapping)
    return RangeReader(connector(settings), table.hbase_table, mapping, transform, table.max_row_bytes)


def _transform(table: "TableSettings", mapping: Mapping) -> Transform | None:
    """Raises MappingError."""
    transform = transform_of(table, mapping)
    return WithinOrc(mapping.schema, transform) if table.format == "orc" else transform


def connector(settings: "Settings", patience: Patience | None = None) -> Callable[[], HBaseClient]:
    """Makes clients of the configured HBase. Raises ConfigError."""
    return connect.connector(where_of(settings), patience)


def where_of(settings: "Settings") -> Where:
    """The configured HBase. Raises ConfigError for an hbase-site.xml that does not tell."""
    hbase = settings.hbase_of_tables()
    if hbase.site is not None:
        return where_of_site(hbase.site, hbase.timeout, hbase.user)
    ways = {THRIFT: hbase.thrift, SERVERS: hbase.servers, ZOOKEEPER: hbase.zookeeper}
    way, hosts = next((way, hosts) for way, hosts in ways.items() if hosts is not None)
    return Where(way, hosts, hbase.timeout, hbase.user, hbase.znode)


def inspect_source(settings: "Settings", table: "TableSettings", mapping: Mapping) -> int:
    """How many regions the HBase table has. Raises NoSuchTable, NoSuchFamily, Unavailable."""
    with connector(settings, Patience(tries=2))() as client:
        client.check_table(table.hbase_table, mapping.families)
        return len(client.regions(table.hbase_table))


def unavailable_source(settings: "Settings") -> Unavailable | None:
    """Why HBase cannot be asked right now; None if it answers."""
    try:
        with connector(settings, Patience(tries=1))() as client:
            client.table_exists("hbase:meta")
    except Unavailable as error:
        return error
    return None


def window_rules(table: "TableSettings") -> WindowRules:
    overlap = round(table.overlap * 1000)
    return WindowRules(
        lag_ms=round(table.lag * 1000),
        overlap_ms=overlap,
        deep_overlap_ms=max(overlap, round(table.wal_sync_timeout * 1000)),
        deep_every_ms=DEEP_EVERY_MS,
    )


def measured_rules(settings: "Settings", table: "TableSettings", now_ms: Callable[[], int]) -> WindowRules:
    """With what the servers' clocks are behind ours, if they may be asked. Raises Unavailable, NoSuchTable."""
    rules = window_rules(table)
    clock_table = settings.hbase_of_tables().clock_table
    if clock_table is None:
        return rules
    with connector(settings)() as client:
        return rules.behind(measure_skew(client, clock_table, now_ms).behind_ms)
