"""From the configuration to the loop of one run, with all its parts."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from loader.datafiles.split_file import Rewriter, Tools
from loader.publish.preconditions import check_configured, specs
from loader.runtime.loop import Loop
from loader.sources.hbase.access.api import Patience
from loader.sources.hbase.blind_spots import Blindspots, look_at
from loader.sources.hbase.chunked import ChunkedReader
from loader.sources.hbase.source import HBaseSource
from loader.state.key_index_files import KeyStore
from loader.state.open_table import Environment
from loader.wiring.datafiles import event_tools_of, tools_of
from loader.wiring.definition import check_definition, known_mapping, record_definition
from loader.wiring.events import event_mapping_of, log_source_of
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
    if table.source is not None:
        return _open_log_loop(table, env, rewriter, parallelism, record, **options)
    mapping = known_mapping(table, env)
    check_configured(env.table, "columns", env.columns, mapping.columns)
    check_configured(env.table, "partition keys", specs(env.partition_keys), mapping.partition_keys)
    keystore = None if mapping.partition_from_key else KeyStore(env.files, env.layout)
    definition = record_definition(env, table, mapping) if record else check_definition(env, table, mapping)
    env = replace(env, keystore=keystore, definition=definition)
    source = source_name(table)
    look = look_at(connector(settings), table.hbase_table, mapping.families)
    allowed_ms = max(window_rules(table).deep_overlap_ms, LEAST_ABSENCE_MS, round(2000 * table.publish_every))
    return Loop(
        env=env,
        source=HBaseSource(
            source,
            ChunkedReader(reader_of(settings, table, mapping, patience), READ_THREADS),
            env.state,
            env.clock,
            Blindspots(env.files, env.layout, source, allowed_ms, look, env.clock),
            table.max_keys,
        ),
        max_partition_delete_share=table.max_partition_delete_share,
        partitions_per_swap=table.partitions_per_swap,
        retention=retention_of(table),
        rewriter=rewriter(tools_of(table, env, mapping)),
        rules=PlanRules(sizing=SizingRules(bytes_per_file=table.bytes_per_file)),
        parallelism=parallelism,
        publish_every_ms=round(table.publish_every * 1000),
        max_rejected=table.max_rejected,
        **options,
    )


def _open_log_loop(
    table: "TableSettings",
    env: Environment,
    rewriter: Callable[[Tools], Rewriter],
    parallelism: int,
    record: bool,
    **options: Any,
) -> Loop:
    mapping = event_mapping_of(table)
    check_configured(env.table, "columns", env.columns, mapping.columns)
    check_configured(env.table, "partition keys", specs(env.partition_keys), mapping.partition_keys)
    definition = record_definition(env, table, mapping) if record else check_definition(env, table, mapping)
    env = replace(env, definition=definition)
    return Loop(
        env=env,
        source=log_source_of(table, env, mapping),
        partitions_per_swap=table.partitions_per_swap,
        retention=retention_of(table),
        rewriter=rewriter(event_tools_of(table, env)),
        rules=PlanRules(sizing=SizingRules(bytes_per_file=table.bytes_per_file)),
        parallelism=parallelism,
        publish_every_ms=round(table.publish_every * 1000),
        max_rejected=table.max_rejected,
        **options,
    )


def hbase_of(loop: Loop) -> HBaseSource:
    """The source of a loop that keeps an HBase table."""
    if not isinstance(loop.source, HBaseSource):
        raise RuntimeError(f"{loop.source.name} is no HBase table")
    return loop.source
