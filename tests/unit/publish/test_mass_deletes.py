"""A batch that deletes much of a table or of a partition stops until somebody confirms it."""

from dataclasses import replace
from pathlib import Path

import pytest

from loader.basics.errors import NeedsConfirmation
from loader.datafiles.in_process import LocalRewriter
from loader.datafiles.split_file import Tools
from loader.publish.batch import Batch, Work
from loader.publish.publish import publish
from metastore.memory import InMemoryMetastore
from partitioner.history.kinds import Kind
from partitioner.planning.plan import PlanRules
from tests.world import COLUMNS, Source, create_table, expected, open_world, raw_keys, visible

SMALL, LARGE = 1_200, 3_000


class Table:
    """1,200 keys on mon, 3,000 on tue."""

    def __init__(self, folder: Path) -> None:
        self.store = InMemoryMetastore("2.3.10", clock=lambda: 0.0)
        create_table(self.store, folder)
        self.source = Source()
        self.env = open_world(self.store, folder, "loader")
        for number in range(SMALL + LARGE):
            self.source.put(f"k{number:04d}", "mon" if number < SMALL else "tue", number)
        self.batch()

    def batch(self, of_table: float = 0.5, of_partition: float = 0.5) -> None:
        env, source = self.env, self.source
        rewriter = LocalRewriter(Tools(env.files, raw_keys, COLUMNS, "parquet"), env.layout.temporary)
        work = Work(source.scan, source, rewriter, PlanRules(), 2)
        work = replace(work, max_delete_share=of_table, max_partition_delete_share=of_partition)
        publish(Batch(env, Kind.BATCH, work))
        source.dirty.clear()

    def delete(self, start: int, count: int) -> None:
        for number in range(start, start + count):
            self.source.delete(f"k{number:04d}")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    return Table(tmp_path_factory.mktemp("mass") / "clicks")


def test_deletes_above_a_share_of_the_table_publish_nothing_until_confirmed(table: Table) -> None:
    table.delete(SMALL, 2_300)
    before = visible(table.store)
    with pytest.raises(NeedsConfirmation, match="would delete 2300 of the 4200 rows"):
        table.batch()
    assert visible(table.store) == before
    table.batch(1.0, 1.0)
    assert visible(table.store) == expected(table.source)


def test_deletes_above_a_share_of_a_partition_publish_nothing_until_confirmed(table: Table) -> None:
    table.delete(0, 1_100)
    before = visible(table.store)
    with pytest.raises(NeedsConfirmation, match="would delete 1100 of the 1200 rows of partition day=mon"):
        table.batch(of_table=0.9)
    assert visible(table.store) == before
    table.batch(1.0, 1.0)
    assert visible(table.store) == expected(table.source)
