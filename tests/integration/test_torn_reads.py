"""Readers fetch all partitions in a loop while all of them are swapped: each answer is of one batch.

The checker bites: it sees a swap in two calls, and a reading metastore that cuts its SELECT up (the reader's limit).
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from devservers.metastore_newer import Metastore40, Metastore40OnPostgres
from metastore.api import PARQUET, Column, Metastore, Partition, Table, TableName
from metastore.client import connect
from metastore.errors import Refused
from tests.servers import METASTORES

DATABASE = "torn"
READERS = 2
_numbers = itertools.count()


@dataclass
class Stage:
    """A table whose partitions all lie at `…/vN`; a swap moves all to the next N."""

    metastore: Metastore
    folder: Path
    count: int
    name: TableName = field(default_factory=lambda: TableName(DATABASE, f"t{os.getpid()}_{next(_numbers)}"))
    version: int = 0

    def create(self) -> None:
        if not self.metastore.database_exists(DATABASE):
            self.metastore.create_database(DATABASE, f"file:{self.folder}/{DATABASE}.db")
        columns = (Column("id", "bigint"), Column("title", "string"))
        table = Table(self.name, columns, (Column("k", "string"),), f"file:{self.folder}/{self.name.table}", PARQUET)
        self.metastore.create_table(table)
        self.metastore.add_partitions(
            self.name,
            [Partition((f"{n:05}",), f"{table.location}/{n}/v0", columns, PARQUET) for n in range(self.count)],
        )

    def next(self) -> list[Partition]:
        self.version += 1
        found = self.metastore.all_partitions(self.name)
        return [replace(p, location=f"{p.location.rpartition('/')[0]}/v{self.version}") for p in found]

    def swap(self) -> None:
        self.metastore.alter_partitions(self.name, self.next())

    def swap_in_two_calls(self) -> None:
        moved = self.next()
        self.metastore.alter_partitions(self.name, moved[: self.count // 2])
        self.metastore.alter_partitions(self.name, moved[self.count // 2 :])


@dataclass
class Seen:
    """What the readers saw: each answer as the set of versions in it, and its number of partitions."""

    answers: list[tuple[frozenset[str], int]] = field(default_factory=list)
    failed: list[Refused] = field(default_factory=list)

    @property
    def mixed(self) -> list[frozenset[str]]:
        return [versions for versions, _ in self.answers if len(versions) > 1]


def read_all(reader: Metastore, stage: Stage) -> tuple[frozenset[str], int]:
    found = reader.all_partitions(stage.name)
    return frozenset(p.location.rpartition("/")[2] for p in found), len(found)


def read_while(stage: Stage, reader: Metastore, work: Callable[[Seen], None]) -> Seen:
    """Readers loop until the work is done; each reads at least once after it began."""
    seen, done = Seen(), threading.Event()

    def loop() -> None:
        while not done.is_set():
            try:
                seen.answers.append(read_all(reader, stage))
            except Refused as error:  # a read that fails is not torn: Derby gives up on a lock now and then
                seen.failed.append(error)

    with ThreadPoolExecutor(READERS) as pool:
        loops = [pool.submit(loop) for _ in range(READERS)]
        try:
            work(seen)
        finally:
            done.set()
        for running in loops:
            running.result()
    return seen


@pytest.fixture
def new_stage(tmp_path: Path) -> Iterator[Callable[[Any, int], Stage]]:
    made: list[Stage] = []

    def make(server: Any, count: int) -> Stage:
        stage = Stage(connect([server.uri]), tmp_path, count)
        made.append(stage)
        stage.create()
        return stage

    yield make
    for stage in made:
        stage.metastore.drop_table(stage.name)
        stage.metastore.close()


SLOW = (pytest.mark.slow, pytest.mark.timeout(570))
SIZES = [
    pytest.param("4.0.1 on PostgreSQL", 100, 6, id="4.0.1 on PostgreSQL, 100"),
    *(
        pytest.param(version, count, swaps, id=f"{version}, {count}", marks=SLOW)
        for version, count, swaps in (
            ("2.3.10", 100, 4),
            ("3.1.3", 100, 4),
            ("4.0.1", 100, 4),
            ("4.0.1", 1_000, 3),
            ("4.0.1", 5_000, 2),
            ("4.0.1 on PostgreSQL", 1_000, 6),
            ("4.0.1 on PostgreSQL", 5_000, 4),
        )
    ),
]


@pytest.mark.parametrize(("version", "count", "swaps"), SIZES)
def test_no_reader_sees_two_batches_in_one_answer(
    new_stage: Callable[[Any, int], Stage], request: pytest.FixtureRequest, version: str, count: int, swaps: int
) -> None:
    stage = new_stage(request.getfixturevalue(METASTORES[version]), count)

    def work(seen: Seen) -> None:
        for _ in range(swaps):
            stage.swap()

    seen = read_while(stage, stage.metastore, work)
    assert seen.mixed == []
    assert {number for _, number in seen.answers} == {count}
    assert len({versions for versions, _ in seen.answers}) > 1, (
        f"{len(seen.failed)} reads failed, and no swap fell among the reads: this proves nothing"
    )


def until_mixed(swap: Callable[[], None], most: int) -> Callable[[Seen], None]:
    def work(seen: Seen) -> None:
        for _ in range(most):
            swap()
            if seen.mixed:
                return

    return work


def test_the_readers_see_a_swap_that_is_made_in_two_calls(
    new_stage: Callable[[Any, int], Stage], hms40_postgres: Metastore40OnPostgres
) -> None:
    stage = new_stage(hms40_postgres, 100)
    assert read_while(stage, stage.metastore, until_mixed(stage.swap_in_two_calls, 100)).mixed


@pytest.mark.slow
@pytest.mark.timeout(570)
def test_a_reading_metastore_that_cuts_its_select_up_mixes_two_batches(
    new_stage: Callable[[Any, int], Stage], hms40_postgres: Metastore40OnPostgres, tmp_path: Path
) -> None:
    """The swap is one transaction all the same: this is what docs/how-it-commits.md tells of such readers."""
    stage = new_stage(hms40_postgres, 1_000)
    settings = hms40_postgres.database_settings() | {"metastore.direct.sql.batch.size": "100"}
    with Metastore40.start(tmp_path / "reader", settings=settings) as other:
        reader = connect([other.uri])
        assert read_while(stage, reader, until_mixed(stage.swap, 300)).mixed
        reader.close()
