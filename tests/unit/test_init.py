"""`init` makes a table and its claim, or leaves nothing: whatever of it fails."""

from dataclasses import replace
from pathlib import Path

import pytest

from loader.basics.errors import HotswapError
from loader.config.settings import Settings, load
from loader.ops.init import INIT_PROPERTY, claimed_table
from loader.wiring.mapping import mapping_of
from metastore.api import ORC, Column, Table, TableName
from metastore.errors import MetastoreError, NoSuchTable
from metastore.memory import Fault, InMemoryMetastore

NAME = TableName("ads", "clicks")
CLAIMED = ["_hotswap", "claim.json", "claim.json", "clicks", "state"]
"""Its location and its state folder."""
CONFIG = """\
metastore: {{uris: "thrift://127.0.0.1:1"}}
hbase: {{thrift: "127.0.0.1:1"}}
tables:
  ads.clicks:
    hbase_table: clicks
    columns: {{id: string, clicks: bigint, day: string}}
    mapping: ":key,d:clicks#b,d:day"
    partition_by: [day]
    location: {location}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "hotswap.yaml").write_text(CONFIG.format(location=tmp_path / "clicks"))
    return load(tmp_path / "hotswap.yaml")


@pytest.fixture
def store() -> InMemoryMetastore:
    made = InMemoryMetastore("2.3.10", clock=lambda: 0.0)
    made.create_database("ads")
    return made


def init(store: InMemoryMetastore, settings: Settings) -> tuple[Table, bool]:
    table = settings.table()
    return claimed_table(store, settings, table, mapping_of(table))


def left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.rglob("*") if path.name != "hotswap.yaml")


def exists(store: InMemoryMetastore) -> bool:
    try:
        store.table(NAME)
    except NoSuchTable:
        return False
    return True


def test_a_table_is_made_and_claimed_and_a_second_init_finds_it_fit(
    store: InMemoryMetastore, settings: Settings, tmp_path: Path
) -> None:
    made, created = init(store, settings)
    assert (created, left(tmp_path)) == (True, CLAIMED)
    assert INIT_PROPERTY not in store.table(NAME).parameters
    assert init(store, settings) == (store.table(NAME), False)
    assert made.location == store.table(NAME).location


MADE = [Fault.FAIL_AFTER_COMMIT, Fault.LOSE_REPLY, Fault.LOSE_REQUEST, Fault.REFUSE, Fault.UNREACHABLE]
FAULTS = [
    *((call, fault) for call in ("create_table", "alter_table_parameters") for fault in MADE),
    *((call, Fault.UNREACHABLE) for call in ("table", "database_exists", "server")),
]


@pytest.mark.parametrize(("call", "fault"), FAULTS)
def test_whichever_call_fails_nothing_is_left_and_the_next_init_succeeds(
    store: InMemoryMetastore, settings: Settings, tmp_path: Path, call: str, fault: Fault
) -> None:
    store.inject(call, fault)
    landed = call == "alter_table_parameters" and fault in (Fault.FAIL_AFTER_COMMIT, Fault.LOSE_REPLY)
    if not landed:  # the last call, read back: all was done
        with pytest.raises(MetastoreError):
            init(store, settings)
        assert (exists(store), left(tmp_path)) == (False, [])
    assert init(store, settings)[1]
    assert left(tmp_path) == CLAIMED


def test_a_claim_that_cannot_be_written_takes_the_table_back(
    store: InMemoryMetastore, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "clicks").mkdir()
    (tmp_path / "clicks" / "_hotswap").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="_hotswap"):
        init(store, settings)
    assert not exists(store)
    assert left(tmp_path) == ["_hotswap", "clicks"]


@pytest.mark.parametrize("made_by_server", [{"bucketed_by": ("id",)}, {"kind": "MANAGED_TABLE"}, {"format": ORC}])
def test_a_table_that_the_server_made_otherwise_is_taken_back(
    settings: Settings, tmp_path: Path, made_by_server: dict[str, object]
) -> None:
    class Translating(InMemoryMetastore):
        """As Hive's metastore transformer: what it creates is not what it was asked for."""

        def create_table(self, table: Table) -> None:
            super().create_table(replace(table, **made_by_server))  # type: ignore[arg-type]

    store = Translating("4.0.1", clock=lambda: 0.0)
    store.create_database("ads")
    with pytest.raises(HotswapError):
        init(store, settings)
    assert (exists(store), left(tmp_path)) == (False, [])


def test_a_table_that_was_there_before_is_never_dropped(
    store: InMemoryMetastore, settings: Settings, tmp_path: Path
) -> None:
    made, _ = init(store, settings)
    (tmp_path / "clicks" / "_hotswap" / "claim.json").unlink()
    store.alter_table_parameters(NAME, {}, ["hotswap.folder"])
    store.inject("alter_table_parameters", Fault.LOSE_REQUEST)
    with pytest.raises(MetastoreError):
        init(store, settings)
    assert store.table(NAME).columns == made.columns
    assert not (tmp_path / "clicks" / "_hotswap" / "claim.json").exists()


def test_a_table_of_other_columns_is_refused_before_anything_is_made(
    store: InMemoryMetastore, settings: Settings, tmp_path: Path
) -> None:
    other = Table(NAME, (Column("x", "int"),), (Column("day", "string"),), f"file://{tmp_path}/clicks", ORC)
    store.create_table(other)
    before = store.table(NAME)
    with pytest.raises(HotswapError):
        init(store, settings)
    assert (store.table(NAME), left(tmp_path)) == (before, [])
