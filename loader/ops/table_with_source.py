"""The verbs over one table that ask HBase and Hive both, or hand keys to the next batch."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from loader.basics.errors import NeedsConfirmation
from loader.mapping import Mapping as CellMapping
from loader.ops import quarantine
from loader.ops.evolve import EvolveReport, evolve, preview_evolve
from loader.ops.quarantine import QuarantinedKey
from loader.ops.reconcile.report import ReconcileReport, report_of, sample_of
from loader.ops.reconcile.run import Reconcile, Rules
from loader.ops.reconcile.tally import Progress
from loader.ops.reconcile.values import Drift, TableMapping
from loader.sources.hbase.key_ranges import Ranges
from loader.sources.hbase.scan import scan_window
from loader.sources.hbase.windows import Window
from loader.state.definitions import Described, store
from loader.state.deleting import delete_object
from loader.state.names import names
from loader.state.open_table import Environment
from loader.storage.files import join
from loader.wiring.datafiles import tools_of
from loader.wiring.definition import described, evolved_definition, known_mapping, record_definition
from loader.wiring.mapping import mapping_of
from loader.wiring.source import connector, ranges_of
from loader.wiring.source_name import check_keyed, source_name
from loader.wiring.table import open_table
from partitioner.history.manifest import Definition

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings
    from loader.datafiles.split_file import Tools
    from loader.ops.bootstrap.rebuild import RebuildPlan
    from loader.ops.bootstrap.run import BootstrapRules, Loaded, Told
    from loader.ops.bootstrap.sample import Sample

Confirm = Callable[[str], None]
"""Asked a question; raises NeedsConfirmation unless the answer is yes."""


def unconfirmed(question: str) -> None:
    raise NeedsConfirmation(question, "Run `hotswap reconcile TABLE --repair` and say yes, if HBase really lost them.")


@dataclass(frozen=True, slots=True)
class Newest:
    """What makes rows by the configuration as it is and by the newest decoder, whatever the live ones are of."""

    definition: Described
    mapping: TableMapping
    ranges: Ranges
    tools: "Tools"
    max_delete_share: float
    max_rejected: int | None


def _no_newest() -> Newest:
    raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Upkeep:
    """One table. `mapping` and `ranges` are made when a verb needs them: they cost, and may be wrong."""

    env: Environment
    mapping: Callable[[], TableMapping]
    ranges: Callable[[], Ranges]
    source: str
    tools: "Callable[[], Tools]"
    dirty: Callable[[int, int], Sequence[bytes]]
    definition: Callable[[], Definition | None] = lambda: None
    evolved: Callable[[], Described | None] = lambda: None
    newest: Callable[[], Newest] = _no_newest
    rebuilt: Callable[[], None] = lambda: None

    def bootstrap(
        self,
        rules: "BootstrapRules",
        told: "Told" = lambda phase, done, of, rows: None,
        shown: "Callable[[Sample], None]" = lambda sample: None,
    ) -> "Loaded":
        """Raises what `Bootstrap.run` raises."""
        from loader.ops.bootstrap.run import Bootstrap  # noqa: PLC0415

        env = replace(self.env, definition=self.definition())
        return Bootstrap(
            env, self.ranges(), self.mapping(), self.tools(), rules, self.source, self.dirty, told, shown
        ).run()

    def preview_rebuild(self) -> "RebuildPlan":
        """What `rebuild` would do. Raises UnsuitableTable, Held, TooLarge, and Conflict if it was never loaded."""
        from loader.ops.bootstrap.rebuild import Rebuild, preview_rebuild  # noqa: PLC0415

        newest = self.newest()
        return preview_rebuild(self.env, Rebuild(newest.definition), len(newest.ranges.regions()))

    def rebuild(
        self,
        rules: "BootstrapRules",
        confirm_deletes: bool = False,
        told: "Told" = lambda phase, done, of, rows: None,
        shown: "Callable[[Sample], None]" = lambda sample: None,
    ) -> "Loaded":
        """Make the table anew by the configuration. Raises what `Bootstrap.run` and `Rebuild.publish` raise."""
        from loader.ops.bootstrap.rebuild import Rebuild  # noqa: PLC0415
        from loader.ops.bootstrap.run import Bootstrap  # noqa: PLC0415

        newest = self.newest()
        share = 1.0 if confirm_deletes else newest.max_delete_share
        way = Rebuild(newest.definition, share, newest.max_rejected)
        way.check(self.env)
        store(self.env, newest.definition)
        env = replace(self.env, definition=newest.definition.definition)
        made = (newest.ranges, newest.mapping, newest.tools)
        done = Bootstrap(env, *made, rules, self.source, self.dirty, told, shown, way).run()
        self.rebuilt()
        return done

    def preview_evolve(self) -> EvolveReport:
        """What `evolve` would add. Raises UnsuitableTable, and ConfigError if more than new columns changed."""
        self.evolved()
        return preview_evolve(self.env, self.mapping().columns)

    def evolve(self) -> EvolveReport:
        """Add the columns that are new in the configuration."""
        mapping, described = self.mapping(), self.evolved()
        return evolve(self.env, mapping.columns, mapping.digest, self.source, described)

    def in_quarantine(self) -> tuple[QuarantinedKey, ...]:
        return quarantine.in_quarantine(self.env)

    def one_in_quarantine(self, key: bytes) -> QuarantinedKey:
        """Raises ConfigError if it is not there."""
        return quarantine.one(self.env, key)

    def retry(self, keys: Sequence[bytes]) -> int:
        """Hand quarantined keys to the next batch, all if none are named; how many. Raises ConfigError."""
        return quarantine.retry(self.env, keys)

    def reconcile(
        self,
        rules: Rules,
        confirm: Confirm = unconfirmed,
        told: Callable[[Progress], None] = lambda progress: None,
        export: Path | None = None,
    ) -> ReconcileReport:
        """Raises what `Reconcile.run` raises. `export`: a file that gets a line of JSON for each key that differs."""

        env = replace(self.env, definition=self.definition())

        def ask(extra: int, rows: int) -> None:
            confirm(f"A repair would delete {extra:,} of the {rows:,} rows of {self.env.table}. Delete them?")

        with _exporting(export) as write:
            outcome = Reconcile(env, self.ranges(), self.mapping(), rules, ask, told, write).run()
        return report_of(str(self.env.table), outcome)


def open_upkeep(settings: "Settings", table: "TableSettings") -> Upkeep:
    """Connect to the metastore and check the claim."""
    env = open_table(settings, table)

    def dirty(start_ms: int, end_ms: int) -> Sequence[bytes]:
        window = Window(start_ms, end_ms, False, start_ms)
        families = mapping_of(table).families
        keys: list[bytes] = scan_window(connector(settings), table.hbase_table, families, window).keys.to_pylist()
        return keys

    def mapping() -> CellMapping:
        check_keyed(table)
        return known_mapping(table, env)

    return Upkeep(
        env=env,
        mapping=mapping,
        ranges=lambda: ranges_of(settings, table, mapping()),
        source=source_name(table),
        tools=lambda: tools_of(table, env, mapping()),
        dirty=dirty,
        definition=lambda: record_definition(env, table, mapping()),
        evolved=lambda: evolved_definition(env, table, mapping()),
        newest=lambda: _newest(settings, table, env),
        rebuilt=lambda: _note_source(env, table),
    )


def _note_source(env: Environment, table: "TableSettings") -> None:
    """In Hive's table properties; and what was seen of another HBase table says nothing of this one."""
    from loader.ops.init import HBASE_PROPERTY, properties_of  # noqa: PLC0415

    hive = env.metastore.table(env.table)
    if hive.parameters.get(HBASE_PROPERTY) == table.hbase_table:
        return
    for name in names(env.files, env.layout, "sightings"):
        with suppress(FileNotFoundError):
            delete_object(env.files, env.layout, join(env.layout.sightings, name))
    env.metastore.alter_table_parameters(env.table, properties_of(table, hive.location))


def _newest(settings: "Settings", table: "TableSettings", env: Environment) -> Newest:
    """Raises UnsuitableTable if the configuration has other columns or partition keys than the Hive table."""
    from loader.ops.bootstrap.rebuild import check_same_table  # noqa: PLC0415

    check_keyed(table)
    mapping = mapping_of(table)
    check_same_table(env, mapping.columns, mapping.partition_keys)
    return Newest(
        definition=described(table, mapping),
        mapping=mapping,
        ranges=ranges_of(settings, table, mapping),
        tools=tools_of(table, env, mapping),
        max_delete_share=table.max_delete_share,
        max_rejected=table.max_rejected,
    )


@contextmanager
def _exporting(path: Path | None) -> Iterator[Callable[[Drift], None]]:
    if path is None:
        yield lambda drift: None
        return
    with path.open("w", encoding="utf-8") as file:

        def write(drift: Drift) -> None:
            sample = sample_of(drift)
            line = {"key": sample.key, "hex": drift.key.hex(), "kind": sample.kind, "partition": sample.partition}
            file.write(json.dumps(line) + "\n")

        yield write
