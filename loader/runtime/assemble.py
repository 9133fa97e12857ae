"""From the configuration to the loop of one run, with all its parts."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from loader.datafiles.split_file import Rewriter, Tools
from loader.mapping import Mapping
from loader.mapping.events.event_mapping import EventMapping
from loader.publish.preconditions import check_configured, specs
from loader.runtime.loop import Loop
from loader.sources.api import Source
from loader.sources.hbase.access.api import Patience
from loader.sources.hbase.blind_spots import Blindspots, look_at
from loader.sources.hbase.chunked import ChunkedReader
from loader.sources.hbase.source import HBaseSource
from loader.state.key_index_files import KeyStore
from loader.state.open_table import Environment
from loader.wiring.datafiles import event_tools_of, tools_of
from loader.wiring.definition import check_definition, record_definition, rows_mapping
from loader.wiring.events import log_source_of
from loader.wiring.retention import retention_of
from loader.wiring.source import READ_THREADS, connector, reader_of, window_rules
from loader.wiring.source_name import source_name
from partitioner.planning.plan import PlanRules
from partitioner.planning.sizing import SizingRules

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings


LEAST_ABSENCE_MS = 300_000
"""A loader that was away for less is taken for one that was restarted."""


def open_loop(
    settings: "Settings",
    table: "TableSettings",
    env: Environment,
    rewriter: Callable[[Tools], Rewriter],
    parallelism: int,
    patience: Patience | None = None,
    record: bool = True,
    **options: Any,
) -> Loop:
    """The loop of one run. `rewriter` makes what carries plans out; `patience`: with HBase; `options` go to Loop.

    `record`: remember the definition as the table's first, if it has none. Raises ConfigError if it has another.
    """
    mapping = rows_mapping(table, env)
    check_configured(env.table, "columns", env.columns, mapping.columns)
    check_configured(env.table, "partition keys", specs(env.partition_keys), mapping.partition_keys)
    definition = record_definition(env, table, mapping) if record else check_definition(env, table, mapping)
    env = replace(env, definition=definition)
    source: Source
    if isinstance(mapping, EventMapping):
        source, tools = log_source_of(table, env, mapping), event_tools_of(table, env)
    else:
        env = replace(env, keystore=None if mapping.partition_from_key else KeyStore(env.files, env.layout))
        source, tools = _hbase_source(settings, table, env, mapping, patience), tools_of(table, env, mapping)
    return Loop(
        env=env,
        source=source,
        max_partition_delete_share=table.max_partition_delete_share,
        partitions_per_swap=table.partitions_per_swap,
        retention=retention_of(table),
        rewriter=rewriter(tools),
        rules=PlanRules(sizing=SizingRules(bytes_per_file=table.bytes_per_file)),
        parallelism=parallelism,
        publish_every_ms=round(table.publish_every * 1000),
        max_rejected=table.max_rejected,
        **options,
    )


def _hbase_source(
    settings: "Settings", table: "TableSettings", env: Environment, mapping: Mapping, patience: Patience | None
) -> HBaseSource:
    name = source_name(table)
    look = look_at(connector(settings), table.hbase_table, mapping.families)
    allowed_ms = max(window_rules(table).deep_overlap_ms, LEAST_ABSENCE_MS, round(2000 * table.publish_every))
    return HBaseSource(
        name,
        ChunkedReader(reader_of(settings, table, mapping, patience), READ_THREADS),
        env.state,
        env.clock,
        Blindspots(env.files, env.layout, name, allowed_ms, look, env.clock),
        table.max_keys,
    )


def hbase_of(loop: Loop) -> HBaseSource:
    """The source of a loop that keeps an HBase table."""
    if not isinstance(loop.source, HBaseSource):
        raise RuntimeError(f"{loop.source.name} is no HBase table")
    return loop.source
