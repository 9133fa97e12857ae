"""`hotswap adopt` over the configuration: a table that is ours already, or one that is claimed with the yes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loader.datafiles.split_file import RawKeys
from loader.ops.adopt.attempt import AdoptReport, Origin, adopt, preview_adopt
from loader.ops.init import check_fits, properties_of
from loader.state.claim import check_claim, claim_of, make_claim
from loader.state.names import check_formats
from loader.state.open_table import Environment
from loader.storage.choose import files_of
from loader.wiring.definition import check_definition, known_mapping, record_definition
from loader.wiring.mapping import mapping_of
from loader.wiring.source import inspect_source, window_rules
from loader.wiring.source_name import source_name
from loader.wiring.table import check_places, environment, identity, layout_of, open_metastore

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings


@dataclass(frozen=True, slots=True)
class Adopter:
    """`claim` makes the table ours, or finds that it is. `index`: it needs a key index."""

    env: Environment
    raw_keys: RawKeys
    origin: Origin
    index: bool
    claim: Callable[[], None]

    def preview(self) -> AdoptReport:
        """Raises UnsuitableTable."""
        return preview_adopt(self.env)

    def adopt(self, shown: AdoptReport) -> AdoptReport:
        """Raises ForeignClaim, Conflict (it is not what was shown any more), what a publish raises."""
        self.claim()
        return adopt(self.env, self.raw_keys, self.origin, shown, self.index)


def open_adopter(settings: "Settings", table: "TableSettings") -> Adopter:
    """Checks that HBase and the Hive table fit the configuration. Raises UnsuitableTable, ForeignClaim."""
    mapping = mapping_of(table)
    inspect_source(settings, table, mapping)
    metastore = open_metastore(settings)
    hive = metastore.table(table.hive_table)
    check_fits(hive, table, mapping)
    check_places(settings, table, hive.location)
    files, layout, ours = (
        files_of(hive.location, table.state),
        layout_of(table, hive.location),
        claim_of(metastore, hive),
    )
    check_formats(files, layout)
    if files.exists(layout.claim):
        check_claim(files, layout, ours)

    env = environment(metastore, files, hive, table, identity())
    check_definition(env, table, known_mapping(table, env))

    def claim() -> None:
        make_claim(files, layout, ours)
        record_definition(env, table, known_mapping(table, env))
        metastore.alter_table_parameters(hive.name, properties_of(table, hive.location))

    windows = window_rules(table)
    return Adopter(
        env=env,
        raw_keys=known_mapping(table, env).raw_keys,
        origin=Origin(source_name(table), windows.lag_ms, windows.deep_overlap_ms),
        index=not mapping.partition_from_key,
        claim=claim,
    )
