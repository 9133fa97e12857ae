"""HIVE-29670 on a real 4.2.0: with a notification log, a swap of more partitions than `metastore.jdbc.max.batch.size`
(1,000) is refused. It is refused whole, the loader leaves it at that, and `partitions_per_swap` gets round it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devservers.metastore_42 import NOTIFYING, Metastore42
from loader.basics.errors import HotswapError
from loader.config.settings import load
from loader.ops.doctor.metastore import settings
from loader.ops.doctor.subject import Patient
from loader.report.findings import Grade
from loader.state.open_table import Environment
from metastore.api import PARQUET, Metastore, Partition
from metastore.client import connect
from metastore.errors import Refused
from tests.world import COLUMNS, TABLE, Source, create_table, expected, open_world, run_batch, visible

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

LIMIT = 1000
JDBC_BATCH = "metastore.jdbc.max.batch.size"


@pytest.fixture(scope="module")
def hms42(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metastore42]:
    with Metastore42.start(tmp_path_factory.mktemp("metastore-4.2"), settings=NOTIFYING) as started:
        yield started


@pytest.fixture
def metastore(hms42: Metastore42, tmp_path: Path) -> Iterator[Metastore]:
    yield from opened(hms42, tmp_path)


def opened(server: Metastore42, folder: Path) -> Iterator[Metastore]:
    client = connect([server.uri])
    create_table(client, folder / "clicks")
    yield client
    client.drop_table(TABLE)
    client.close()


def add(metastore: Metastore, count: int) -> list[Partition]:
    table = metastore.table(TABLE)
    found = [Partition((f"{n:05}",), f"{table.location}/{n}/old", table.columns, PARQUET) for n in range(count)]
    metastore.add_partitions(TABLE, found)
    return found


def moved(partitions: list[Partition]) -> list[Partition]:
    return [replace(p, location=p.location.replace("/old", "/new")) for p in partitions]


def at_new(metastore: Metastore) -> int:
    return sum(partition.location.endswith("/new") for partition in metastore.all_partitions(TABLE))


def test_a_swap_of_a_thousand_is_taken_and_of_one_more_is_refused_whole(metastore: Metastore) -> None:
    partitions = add(metastore, LIMIT + 1)
    with pytest.raises(Refused, match="DB_NOTIFICATION_EVENT_ID_KEY_NAME"):
        metastore.alter_partitions(TABLE, moved(partitions))
    assert at_new(metastore) == 0
    metastore.alter_partitions(TABLE, moved(partitions)[:LIMIT])
    assert at_new(metastore) == LIMIT


def test_a_larger_batch_of_the_server_s_sql_is_the_cure(tmp_path: Path) -> None:
    with Metastore42.start(tmp_path / "server", settings={**NOTIFYING, JDBC_BATCH: "20000"}) as cured:
        for metastore in opened(cured, tmp_path):
            metastore.alter_partitions(TABLE, moved(add(metastore, LIMIT + 1)))
            assert at_new(metastore) == LIMIT + 1


def a_loader(metastore: Metastore, folder: Path, run: str, clock: int) -> Environment:
    return open_world(metastore, folder / "clicks", run, clock=clock)


def test_a_batch_that_is_refused_changes_nothing_and_goes_through_in_two_swaps(
    metastore: Metastore, tmp_path: Path
) -> None:
    """A thousand partitions, and the fence: one too many."""
    source = Source()
    for number in range(LIMIT):
        source.put(f"k{number}", f"d{number:05}", number)
    dirty = set(source.dirty)
    with pytest.raises(HotswapError, match="DB_NOTIFICATION_EVENT_ID_KEY_NAME"):
        run_batch(a_loader(metastore, tmp_path, "refused", 1_000_000), source)
    assert visible(metastore) == {}
    source.dirty |= dirty
    cutting = a_loader(metastore, tmp_path, "cutting", 2_000_000)
    batches = [run_batch(cutting, source, partitions_per_swap=LIMIT) for _ in range(2)]
    assert [len(batch.moves) for batch in batches] == [LIMIT - 1, 1]
    assert visible(metastore) == expected(source)
    assert cutting.state.records().unsettled == ()


def told_by_doctor(metastore: Metastore, folder: Path) -> list[str]:
    """The keys of the server's settings that it wants changed."""
    config = folder / "hotswap.yaml"
    columns = ", ".join(f"{name}: {kind}" for name, kind in COLUMNS)
    config.write_text(
        f"metastore: {{uris: 'thrift://localhost:1'}}\nhbase: {{thrift: 'localhost:2'}}\ntables:\n  {TABLE}:\n"
        f"    hbase_table: clicks\n    columns: {{{columns}, day: string}}\n"
        f"    mapping: ':key,d:clicks,d:day'\n    partition_by: [day]\n    location: {folder}/clicks\n"
    )
    parsed = load(config)
    never = pytest.fail
    patient = Patient(parsed, parsed.table(), never, never, never, never, "run", never)
    patient.metastore, patient.hive = metastore, metastore.table(TABLE)
    return [found.where for found in settings(patient) if found.grade is Grade.TO_DO]


@pytest.mark.parametrize(("count", "told"), [(LIMIT - 1, False), (LIMIT, True)])
def test_doctor_tells_of_it_when_a_swap_of_all_and_the_fence_is_too_large(
    metastore: Metastore, tmp_path: Path, count: int, told: bool
) -> None:
    add(metastore, count)
    assert (JDBC_BATCH in told_by_doctor(metastore, tmp_path)) == told
