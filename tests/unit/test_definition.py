"""A table's definition: what decides its rows, and what is told where the configuration would make others."""

from dataclasses import replace
from pathlib import Path

import pytest

from loader.basics.errors import ConfigError
from loader.config.settings import HBaseSettings, MetastoreSettings, Settings, TableSettings, load
from loader.mapping.codecs import DECODER
from loader.state.definitions import Described, current, decoder_of, may_follow, store
from loader.state.open_table import Environment
from loader.wiring.definition import (
    check_definition,
    described,
    evolved_definition,
    known_mapping,
    record_definition,
    rows_mapping,
)
from metastore.memory import InMemoryMetastore
from partitioner.history.manifest import Definition
from tests.format_1 import unpack
from tests.world import Source, create_table, open_world, run_batch

CONFIG = """\
metastore: {uris: thrift://one}
hbase: {thrift: here}
tables:
  ads.clicks:
    hbase_table: ads
    columns: {id: string, clicks: bigint, at: timestamp}
    mapping: {id: ":key", clicks: "f:clicks#b", at: "f:at"}
    partition_by: [{name: part, type: int, from: id, as: bucket(4)}, {name: day, type: date, from: at, as: date}]
    time_zone: UTC
    transform: {select: {clicks: "clicks + 1"}, where: "clicks > 0"}
"""

OTHER_ROWS = {
    "hbase_table": ("hbase_table: ads", "hbase_table: other"),
    "columns": ("clicks: bigint", "clicks: int"),
    "mapping": ('"f:clicks#b"', '"f:clicks"'),
    "partition_by": ("bucket(4)", "bucket(7)"),
    "time_zone": ("time_zone: UTC", "time_zone: Europe/Berlin"),
    "transform": ('where: "clicks > 0"', 'where: "clicks > 1"'),
    "row_key": ('mapping: {id: ":key", clicks', 'row_key: {columns: [id, more], delimiter: "|"}\n    mapping: {clicks'),
}
SAME_ROWS = {
    *("alarms", "bytes_per_file", "compression", "fence", "format", "hive_table", "history", "lag", "location"),
    *("lock_wait", "max_delete_share", "max_keys", "max_partition_delete_share", "max_rejected", "max_row_bytes"),
    *("overlap", "partitions_per_swap", "poll_every", "publish_every", "reader_grace", "reconcile"),
    *("max_events", "row_group_bytes", "sort_by", "state", "timestamps", "wal_sync_timeout"),
}
"""Settings of a table that no row's image and no row's partition follows from."""
EVENTS = """\
metastore: {uris: thrift://one}
tables:
  ads.clicks:
    source: {kafka: {servers: here, topics: clicks}}
    columns: {id: string, clicks: bigint, at: timestamp}
    fields: {clicks: counts.clicks, at: {field: ms, type: timestamp_ms}}
    partition_by: [{name: day, type: date, from: at, as: date}]
    time_zone: UTC
"""
OTHER_EVENTS = {
    "source": ("topics: clicks", "topics: others"),
    "fields": ("counts.clicks", "clicks"),
    "column at": ("timestamp_ms", "timestamp_s"),
    "column clicks": ("clicks: bigint", "clicks: int"),
    "partition_by": ("as: date", "as: month"),
}


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    return opened(tmp_path)


def opened(folder: Path) -> Environment:
    store_ = InMemoryMetastore(clock=lambda: 1_700_000_000.0)
    (folder / "table").mkdir(exist_ok=True)
    create_table(store_, folder / "table")
    return open_world(store_, folder / "table", "run")


def table_of(folder: Path, before: str = "", after: str = "") -> TableSettings:
    assert before in CONFIG
    path = folder / "hotswap.yaml"
    path.write_text(CONFIG.replace(before, after) if before else CONFIG)
    return load(path).table()


def record(env: Environment, table: TableSettings) -> Definition:
    return record_definition(env, table, known_mapping(table, env))


def check(env: Environment, table: TableSettings) -> Definition:
    return check_definition(env, table, known_mapping(table, env))


def test_every_setting_of_a_table_decides_rows_or_does_not() -> None:
    assert set(TableSettings.model_fields) == OTHER_ROWS.keys() | SAME_ROWS | {"source", "fields"}


@pytest.mark.parametrize("what", OTHER_EVENTS)
def test_what_makes_other_events_is_refused(tmp_path: Path, env: Environment, what: str) -> None:
    def table_now(text: str) -> TableSettings:
        (tmp_path / "hotswap.yaml").write_text(text.replace("type: date, ", "") if "month" in text else text)
        return load(tmp_path / "hotswap.yaml").table()

    first = table_now(EVENTS)
    record_definition(env, first, rows_mapping(first, env))
    same = table_now(EVENTS.replace("servers: here", "servers: [there, elsewhere]"))
    check_definition(env, same, rows_mapping(same, env))
    other = table_now(EVENTS.replace(*OTHER_EVENTS[what]))
    with pytest.raises(ConfigError, match="makes other rows") as caught:
        check_definition(env, other, rows_mapping(other, env))
    assert "→" in caught.value.message
    assert "rebuild" not in caught.value.hint


@pytest.mark.parametrize("what", OTHER_ROWS)
def test_what_makes_other_rows_is_refused_with_its_name(tmp_path: Path, env: Environment, what: str) -> None:
    record(env, table_of(tmp_path))
    if what == "row_key":  # a second part wants a column
        (tmp_path / "hotswap.yaml").write_text(
            CONFIG.replace("at: timestamp}", "at: timestamp, more: string}").replace(*OTHER_ROWS[what])
        )
        with pytest.raises(ConfigError, match="row_key:"):
            check(env, load(tmp_path / "hotswap.yaml").table())
        return
    with pytest.raises(ConfigError, match="makes other rows than those that are live") as caught:
        check(env, table_of(tmp_path, *OTHER_ROWS[what]))
    assert "→" in caught.value.message
    assert "hotswap evolve" in caught.value.hint


def test_a_difference_is_told_as_it_was_and_as_it_would_be(tmp_path: Path, env: Environment) -> None:
    record(env, table_of(tmp_path))
    with pytest.raises(ConfigError, match=r"hbase_table: ads → other") as caught:
        check(env, table_of(tmp_path, "hbase_table: ads", "hbase_table: other"))
    assert caught.value.message.count("→") == 1


@pytest.mark.parametrize(
    "line",
    ["lag: 2s", "publish_every: 1s", "bytes_per_file: 64MB", "sort_by: [id]", "reader_grace: 4h"],
)
def test_what_decides_no_row_may_change(tmp_path: Path, env: Environment, line: str) -> None:
    first = record(env, table_of(tmp_path))
    assert check(env, table_of(tmp_path, "    time_zone: UTC", f"    {line}\n    time_zone: UTC")) == first


def test_a_zone_that_no_partition_is_derived_by_decides_nothing(tmp_path: Path, env: Environment) -> None:
    day = ", {name: day, type: date, from: at, as: date}"
    plain = CONFIG.replace(day, "")
    path = tmp_path / "hotswap.yaml"
    path.write_text(plain)
    first = record(env, load(path).table())
    path.write_text(plain.replace("UTC", "Europe/Berlin"))
    assert check(env, load(path).table()) == first


def test_a_table_of_before_records_today_and_keeps_its_decoder(tmp_path: Path) -> None:
    old = unpack(tmp_path)
    env = open_world(old.store, old.place, "later", clock=2_000_000)
    table = table_of(tmp_path)
    assert current(env) is None
    assert decoder_of(env, DECODER) == 1 == record(env, table).decoder
    with pytest.raises(ConfigError):
        check(env, table_of(tmp_path, *OTHER_ROWS["partition_by"]))


def test_a_new_table_has_the_newest_decoder(tmp_path: Path, env: Environment) -> None:
    assert record(env, table_of(tmp_path)).decoder == DECODER


def test_the_newest_committed_manifest_says_which_it_is(tmp_path: Path, env: Environment) -> None:
    record(env, table_of(tmp_path))
    source, changed = Source(), table_of(tmp_path, *OTHER_ROWS["transform"])
    other = described(changed, known_mapping(changed, env))
    store(env, other)
    source.put("a", "mon", 1)
    run_batch(replace(env, definition=other.definition), source)
    assert current(env) == other.definition


NEW_COLUMN = ("at: timestamp}\n    mapping: {id", 'at: timestamp, more: string}\n    mapping: {more: "f:more", id')


def test_a_column_that_evolve_added_may_follow(tmp_path: Path, env: Environment) -> None:
    record(env, table_of(tmp_path))
    wider = table_of(tmp_path, *NEW_COLUMN)
    with pytest.raises(ConfigError, match="column more: nothing → string from f:more"):
        check(env, wider)
    store(env, evolved_definition(env, wider, known_mapping(wider, env)))
    assert check(env, wider) == described(wider, known_mapping(wider, env)).definition


def test_evolutions_follow_one_another(env: Environment) -> None:
    """A rollback past two of them needs nothing, as one past the last does."""
    one = Described("a" * 32, 2, {})
    two, three = Described("b" * 32, 2, {}, one.digest), Described("c" * 32, 2, {}, "b" * 32)
    for each in (one, two, three):
        store(env, each)
    assert may_follow(env, three.digest, one.definition)
    assert may_follow(env, three.digest, two.definition)
    assert not may_follow(env, one.digest, three.definition)
    assert not may_follow(env, three.digest, Definition("d" * 32, 2))


def test_evolve_takes_nothing_but_columns(tmp_path: Path, env: Environment) -> None:
    record(env, table_of(tmp_path))
    text = CONFIG.replace(*NEW_COLUMN).replace("bucket(4)", "bucket(7)")
    (tmp_path / "hotswap.yaml").write_text(text)
    both = load(tmp_path / "hotswap.yaml").table()
    with pytest.raises(ConfigError, match=r"more than new columns changed.*partition_by"):
        evolved_definition(env, both, known_mapping(both, env))


def test_the_settings_beside_a_table_decide_no_row() -> None:
    """Which servers are asked, and how, may change: they are looked at here so that a new one is thought of."""
    assert set(Settings.model_fields) == {"metastore", "hbase", "tables", "spark", "metrics"}
    assert set(HBaseSettings.model_fields) >= {"thrift", "timeout", "clock_table"}
    assert "uris" in MetastoreSettings.model_fields
