"""From the configuration to the parts of a run: mapping, client, reader, source settings, loop."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from loader.basics.errors import Unavailable
from loader.datafiles.orc_limits import WithinOrc
from loader.datafiles.split_file import Rewriter, Tools
from loader.datafiles.write_settings import write_settings
from loader.mapping import Mapping
from loader.mapping.transform import Transform
from loader.publish.preconditions import check_configured, specs
from loader.report import reports
from loader.runtime.loop import Loop
from loader.sources.hbase.blind_spots import Blindspots, look_at
from loader.sources.hbase.clock import measure_skew
from loader.sources.hbase.key_ranges import RangeReader
from loader.sources.hbase.reread import RowReader
from loader.sources.hbase.sample import Sampled, sample
from loader.sources.hbase.thrift2.client import Patience, Thrift2, endpoints
from loader.sources.hbase.windows import WindowRules
from loader.sources.rows import ReadRows, joined
from loader.state.key_index_files import KeyStore
from loader.state.open_table import Environment
from loader.wiring.mapping import mapping_of, transform_of
from loader.wiring.retention import retention_of
from partitioner.planning.plan import PlanRules
from partitioner.planning.sizing import SizingRules

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings

READ_CHUNK = 10_000
"""Rows that are read by one thread at once."""
READ_THREADS = 4
"""They wait for HBase side by side."""

DEEP_EVERY_MS = 60_000
LEAST_ABSENCE_MS = 300_000
"""A loader that was away for less is taken for one that was restarted."""


def reader_of(
    settings: "Settings", table: "TableSettings", mapping: Mapping, patience: Patience | None = None
) -> RowReader:
    """Reads rows as the table wants them, transform included. Raises MappingError."""
    connect, transform = connector(settings, patience), _transform(table, mapping)
    return RowReader(connect, table.hbase_table, mapping, transform, row_bytes=table.max_row_bytes)


def ranges_of(settings: "Settings", table: "TableSettings", mapping: Mapping) -> RangeReader:
    """Reads ranges of keys, with the same transform: a row is bad for a comparison if it is for a batch."""
    transform = _transform(table, mapping)
    return RangeReader(connector(settings), table.hbase_table, mapping, transform, table.max_row_bytes)


def _transform(table: "TableSettings", mapping: Mapping) -> Transform | None:
    """Raises MappingError."""
    transform = transform_of(table, mapping)
    return WithinOrc(mapping.schema, transform) if table.format == "orc" else transform


def connector(settings: "Settings", patience: Patience | None = None) -> Callable[[], Thrift2]:
    """Makes clients of the configured Thrift2 servers."""
    servers = endpoints(settings.hbase.thrift, settings.hbase.timeout)
    return lambda: Thrift2(servers, patience or Patience())


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


def sample_rows(
    settings: "Settings", table: "TableSettings", mapping: Mapping, rows: int
) -> tuple[reports.SampledRow, ...]:
    """The first rows of the HBase table: raw bytes beside what they become."""
    with connector(settings)() as client:
        cells = list(sample(client, table.hbase_table, mapping, rows))
        keys = list(dict.fromkeys(cell.key for cell in cells))
    placed = reader_of(settings, table, mapping).read(keys, 0)
    names = _partition_names(placed, mapping)
    return tuple(
        reports.SampledRow(
            _printable(key) or "",
            tuple(_sampled(cell, mapping) for cell in group),
            names.get(key),
        )
        for key, group in groupby(cells, key=lambda cell: cell.key)
    )


def _partition_names(read: ReadRows, mapping: Mapping) -> dict[bytes, str]:
    from metastore.names import partition_name  # noqa: PLC0415

    keys = [name for name, _ in mapping.partition_keys]
    names = [partition_name(keys, values) for values in read.partitions]
    targets = zip(read.rows["__key"].to_pylist(), read.rows["__target"].to_pylist(), strict=True)
    return {key: names[target] for key, target in targets if target >= 0}


def _sampled(cell: Sampled, mapping: Mapping) -> reports.SampledCell:
    value = None if cell.value is None else str(cell.value)
    return reports.SampledCell(cell.column, mapping.place_of(cell.column), _printable(cell.raw), value, cell.reason)


def _printable(raw: bytes | None) -> str | None:
    """As HBase's shell prints it: printable ASCII as it is, the rest as `\\xNN`."""
    if raw is None:
        return None
    return "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02X}" for byte in raw)


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
    if settings.hbase.clock_table is None:
        return rules
    with connector(settings)() as client:
        return rules.behind(measure_skew(client, settings.hbase.clock_table, now_ms).behind_ms)


@dataclass(frozen=True, slots=True)
class ChunkedReader:
    """Reads any number of rows, `threads` chunks in memory at a time as HBase sent them."""

    reader: RowReader
    threads: int = 1

    def read(self, keys: pa.Array, at_ms: int) -> ReadRows:
        chunks = [keys.slice(start, READ_CHUNK).to_pylist() for start in range(0, max(len(keys), 1), READ_CHUNK)]
        with ThreadPoolExecutor(self.threads) as pool:
            return joined(pool.map(lambda chunk: self.reader.read(chunk, at_ms), chunks))


def tools_of(table: "TableSettings", env: Environment, mapping: Mapping) -> Tools:
    return Tools(
        files=env.files,
        raw_keys=mapping.raw_keys,
        columns=env.columns,
        format=env.format,
        key_columns=mapping.key_columns,
        settings=write_settings(table),
    )


def open_loop(
    settings: "Settings",
    table: "TableSettings",
    env: Environment,
    rewriter: Callable[[Tools], Rewriter],
    parallelism: int,
    patience: Patience | None = None,
    **options: Any,
) -> Loop:
    """The loop of one run. `rewriter` makes what carries plans out; `patience`: with HBase; `options` go to Loop."""
    mapping = mapping_of(table)
    check_configured(env.table, "columns", env.columns, mapping.columns)
    check_configured(env.table, "partition keys", specs(env.partition_keys), mapping.partition_keys)
    keystore = None if mapping.partition_from_key else KeyStore(env.files, env.layout)
    env = replace(env, keystore=keystore)
    source = f"hbase:{table.hbase_table}"
    look = look_at(connector(settings), table.hbase_table, mapping.families)
    allowed_ms = max(window_rules(table).deep_overlap_ms, LEAST_ABSENCE_MS, round(2000 * table.publish_every))
    return Loop(
        env=env,
        source_id=source,
        blindspots=Blindspots(env.files, env.layout, source, allowed_ms, look, env.clock),
        max_keys=table.max_keys,
        max_partition_delete_share=table.max_partition_delete_share,
        partitions_per_swap=table.partitions_per_swap,
        reader=ChunkedReader(reader_of(settings, table, mapping, patience), READ_THREADS),
        retention=retention_of(table),
        rewriter=rewriter(tools_of(table, env, mapping)),
        rules=PlanRules(sizing=SizingRules(bytes_per_file=table.bytes_per_file)),
        parallelism=parallelism,
        publish_every_ms=round(table.publish_every * 1000),
        max_rejected=table.max_rejected,
        **options,
    )
