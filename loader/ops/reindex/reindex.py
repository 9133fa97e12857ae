"""What `hotswap verify --rebuild-index` shows first, does, and tells."""

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loader.basics.errors import ConfigError
from loader.mapping import Mapping
from loader.ops.reindex.attempt import rebuild_index
from loader.state.key_index_files import KeyStore
from loader.state.open_table import Environment
from loader.wiring.definition import known_mapping

if TYPE_CHECKING:
    from loader.config.settings import TableSettings


@dataclass(frozen=True, slots=True)
class ReindexPlan:
    """What a rebuild would read, with the table's lock held."""

    table: str
    files: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """A rebuilt index. `batch`: the attempt that published it. See `Rebuilt` for the rest."""

    table: str
    batch: int
    keys: int
    segments: int
    bytes: int
    misplaced: int | None
    surplus: int | None
    seconds: float


def preview_reindex(env: Environment, table: "TableSettings") -> ReindexPlan:
    """Raises ConfigError where no index is kept."""
    _indexed(env, table)
    versions = env.state.records().state.live.values()
    return ReindexPlan(
        table=str(env.table),
        files=sum(len(version.files) for version in versions),
        rows=sum(version.rows for version in versions),
        bytes=sum(version.bytes for version in versions),
    )


def reindex(env: Environment, table: "TableSettings") -> ReindexReport:
    """Rebuild and publish. Raises what a publish raises, and Damage where the files themselves are wrong."""
    started = time.perf_counter()
    mapping = _indexed(env, table)
    store = KeyStore(env.files, env.layout)
    done = rebuild_index(replace(env, keystore=store), mapping.raw_keys, key_columns=mapping.key_columns)
    return ReindexReport(
        table=str(env.table),
        batch=done.batch,
        keys=done.keys,
        segments=len(done.segments),
        bytes=sum(store.size(name) for name in done.segments),
        misplaced=done.misplaced,
        surplus=done.surplus,
        seconds=time.perf_counter() - started,
    )


def _indexed(env: Environment, table: "TableSettings") -> Mapping:
    mapping = known_mapping(table, env)
    if mapping.partition_from_key:
        raise ConfigError(
            f"{env.table} keeps no key index: its partitions follow from the row key alone",
            "There is nothing to rebuild.",
        )
    return mapping
