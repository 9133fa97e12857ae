"""`hotswap rebuild TABLE`: what it would replace, and the doing of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loader.ops.bootstrap.rebuild import Rebuild, RebuildPlan, RebuildRules, check_replaceable
from loader.ops.bootstrap.run import BootstrapRules, Loaded, Told
from loader.ops.bootstrap.sample import Sample
from loader.publish.preconditions import check_configured, specs
from loader.sources.hbase.scan import scan_window
from loader.sources.hbase.windows import Window
from loader.state.open_table import Environment
from loader.wiring.datafiles import tools_of
from loader.wiring.definition import changes_of, described
from loader.wiring.mapping import mapping_of
from loader.wiring.source import connector, inspect_source, ranges_of
from loader.wiring.table import open_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loader.config.settings import Settings, TableSettings


@dataclass(frozen=True, slots=True)
class Rebuilder:
    """One table, to be made anew under the configuration as it is now, by the newest decoder."""

    env: Environment
    settings: "Settings"
    table: "TableSettings"

    def preview(self) -> RebuildPlan:
        """Raises Conflict, Held, UnsuitableTable (a column or a partition key is another), what HBase raises."""
        mapping, state = mapping_of(self.table), self.env.state.records().state
        check_replaceable(self.env, state)
        check_configured(self.env.table, "columns", self.env.columns, mapping.columns)
        check_configured(self.env.table, "partition keys", specs(self.env.partition_keys), mapping.partition_keys)
        return RebuildPlan(
            table=str(self.env.table),
            batch=state.batch,
            partitions=len(state.live),
            rows=sum(version.rows for version in state.live.values()),
            bytes=sum(version.bytes for version in state.live.values()),
            regions=inspect_source(self.settings, self.table, mapping),
            changes=changes_of(self.env, described(self.table, mapping)),
        )

    def rebuild(
        self,
        rules: BootstrapRules,
        confirm_deletes: bool,
        told: Told = lambda phase, done, of, rows: None,
        shown: Callable[[Sample], None] = lambda sample: None,
    ) -> Loaded:
        """Raises what `preview` raises, NeedsConfirmation (too many rows would go), and what a publish raises."""
        mapping = mapping_of(self.table)
        wanted = described(self.table, mapping)
        env = replace(self.env, definition=wanted.definition)

        def dirty(start_ms: int, end_ms: int) -> "Sequence[bytes]":
            window = Window(start_ms, end_ms, False, start_ms)
            found = scan_window(connector(self.settings), self.table.hbase_table, mapping.families, window)
            keys: list[bytes] = found.keys.to_pylist()
            return keys

        return Rebuild(
            env=env,
            ranges=ranges_of(self.settings, self.table, mapping),
            mapping=mapping,
            tools=tools_of(self.table, env, mapping),
            rules=rules,
            source=f"hbase:{self.table.hbase_table}",
            dirty=dirty,
            told=told,
            shown=shown,
            described=wanted,
            replaces=RebuildRules(
                self.table.partitions_per_swap, 1.0 if confirm_deletes else self.table.max_delete_share
            ),
        ).run()


def open_rebuilder(settings: "Settings", table: "TableSettings") -> Rebuilder:
    """Connect to the metastore and check the claim."""
    return Rebuilder(open_table(settings, table), settings, table)
