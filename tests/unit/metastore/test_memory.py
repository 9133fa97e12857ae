"""What only a metastore in memory can be made to do: bad days, other versions, other processes, an injected clock."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.managers import BaseManager
from typing import Any

import pytest

from metastore.api import PARQUET, Column, LockState, Metastore, Partition, Table, TableName
from metastore.errors import AlreadyExists, MetastoreError, NoReply, NoSuchLock, NoSuchPartition, Refused, Unreachable
from metastore.memory import Fault, InMemoryMetastore

NAME = TableName("default", "t")
TABLE = Table(NAME, (Column("a", "int"),), (Column("k", "string"),), "file:/t", PARQUET)


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def part(value: str, location: str = "file:/old") -> Partition:
    return Partition((value,), location, TABLE.columns, PARQUET)


def filled(*values: str, **options: Any) -> InMemoryMetastore:
    metastore = InMemoryMetastore(**options)
    metastore.create_table(TABLE)
    metastore.add_partitions(NAME, [part(v) for v in values])
    return metastore


def locations(metastore: Metastore) -> list[str]:
    return [p.location for p in metastore.all_partitions(NAME)]


def swap(metastore: Metastore, *values: str) -> None:
    metastore.alter_partitions(NAME, [part(v, "file:/new") for v in values])


@pytest.mark.parametrize(
    ("fault", "error", "location"),
    [
        (Fault.UNREACHABLE, Unreachable, "file:/old"),
        (Fault.LOSE_REQUEST, NoReply, "file:/old"),
        (Fault.LOSE_REPLY, NoReply, "file:/new"),
        (Fault.HOLD, NoReply, "file:/old"),
        (Fault.REFUSE, Refused, "file:/old"),
        (Fault.FAIL_AFTER_COMMIT, Refused, "file:/new"),
    ],
)
def test_a_fault_tells_one_thing_and_does_another(fault: Fault, error: type[MetastoreError], location: str) -> None:
    metastore = filled("a")
    metastore.inject("alter_partitions", fault)
    with pytest.raises(error):
        swap(metastore, "a")
    assert locations(metastore) == [location]


def test_a_fault_strikes_as_often_as_told() -> None:
    metastore = filled("a")
    metastore.inject("table", Fault.REFUSE, times=2)
    for _ in range(2):
        with pytest.raises(Refused):
            metastore.table(NAME)
    assert metastore.table(NAME).name == NAME


def test_a_fault_strikes_only_its_call() -> None:
    metastore = filled("a")
    metastore.inject("alter_partitions", Fault.REFUSE)
    assert metastore.partition_names(NAME) == (("a",),)


def test_a_held_swap_lands_later() -> None:
    metastore = filled("a")
    metastore.inject("alter_partitions", Fault.HOLD)
    with pytest.raises(NoReply):
        swap(metastore, "a")
    assert metastore.land_held() == (None,)
    assert (locations(metastore), metastore.held()) == (["file:/new"], 0)


def test_a_held_swap_undoes_what_came_after_it() -> None:
    metastore = filled("a")
    metastore.inject("alter_partitions", Fault.HOLD)
    with pytest.raises(NoReply):
        swap(metastore, "a")
    metastore.alter_partitions(NAME, [part("a", "file:/newer")])
    metastore.land_held()
    assert locations(metastore) == ["file:/new"]


def test_a_held_swap_cannot_land_once_one_of_its_partitions_is_gone() -> None:
    metastore = filled("a", "fence")
    metastore.inject("alter_partitions", Fault.HOLD)
    with pytest.raises(NoReply):
        swap(metastore, "fence", "a")
    metastore.drop_partition(NAME, ("fence",))
    [error] = metastore.land_held()
    assert isinstance(error, NoSuchPartition)
    assert locations(metastore) == ["file:/old"]


def test_calls_are_counted_lost_ones_included() -> None:
    metastore = filled("a")
    metastore.inject("alter_partitions", Fault.LOSE_REQUEST)
    with pytest.raises(NoReply):
        swap(metastore, "a")
    swap(metastore, "a")
    assert metastore.call_counts()["alter_partitions"] == 2


@pytest.mark.parametrize(("version", "has_uuid"), [("2.3.10", False), ("3.1.3", True), ("4.0.1", True)])
def test_each_version_tells_of_itself(version: str, has_uuid: bool) -> None:
    server = InMemoryMetastore(version).server()
    assert (".".join(map(str, server.version)), server.uuid is not None) == (version, has_uuid)


def test_4_refuses_duplicates_as_a_whole() -> None:
    metastore = filled("a", "b", version="4.0.1")
    with pytest.raises(Refused, match="not matching"):
        swap(metastore, "a", "b", "a")
    assert locations(metastore) == ["file:/old"] * 2


@pytest.mark.parametrize(
    ("version", "type_"), [("2.3.10", "SHARED_WRITE"), ("3.1.3", "SHARED_WRITE"), ("4.0.1", "EXCL_WRITE")]
)
def test_each_version_has_its_lock_that_keeps_loaders_apart(version: str, type_: str) -> None:
    metastore = InMemoryMetastore(version)
    metastore.lock(NAME, "u", "h", "one")
    assert [info.type for info in metastore.locks(NAME)] == [type_]


def test_a_lock_expires_without_heartbeats() -> None:
    clock = Clock()
    metastore = InMemoryMetastore(clock=clock, lock_timeout_s=300)
    lock = metastore.lock(NAME, "u", "h", "one")
    clock.now += 301
    with pytest.raises(NoSuchLock):
        metastore.heartbeat(lock.id)


def test_heartbeats_keep_a_lock() -> None:
    clock = Clock()
    metastore = InMemoryMetastore(clock=clock, lock_timeout_s=300)
    lock = metastore.lock(NAME, "u", "h", "one")
    for _ in range(3):
        clock.now += 200
        metastore.heartbeat(lock.id)
    assert metastore.check_lock(lock.id).state is LockState.ACQUIRED


def test_the_next_in_the_queue_gets_an_expired_lock() -> None:
    clock = Clock()
    metastore = InMemoryMetastore(clock=clock, lock_timeout_s=300)
    metastore.lock(NAME, "u", "h", "one")
    two = metastore.lock(NAME, "u", "h", "two")
    for _ in range(2):
        clock.now += 200
        two = metastore.check_lock(two.id)
    assert two.state is LockState.ACQUIRED


def test_new_partitions_are_dated_by_the_clock() -> None:
    metastore = filled("a", clock=Clock())
    [found] = metastore.all_partitions(NAME)
    assert (found.create_time, found.parameters) == (1_700_000_000, {"transient_lastDdlTime": "1700000000"})


def test_callers_share_nothing_with_what_is_stored() -> None:
    metastore = filled()
    added = part("a")
    metastore.add_partitions(NAME, [added])
    added.parameters["later"] = "1"  # type: ignore[index]
    added.format.serde_parameters["later"] = "1"  # type: ignore[index]
    [stored] = metastore.all_partitions(NAME)
    assert "later" not in {*stored.parameters, *stored.format.serde_parameters}


def test_of_many_threads_that_add_a_partition_one_succeeds() -> None:
    metastore, refused = filled(), []

    def add() -> None:
        try:
            metastore.add_partitions(NAME, [part("a")])
        except AlreadyExists as error:
            refused.append(error)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7


class Manager(BaseManager):
    pass


Manager.register("metastore", InMemoryMetastore)


@pytest.fixture(scope="module")
def served() -> Iterator[Any]:
    with Manager() as manager:
        metastore = manager.metastore()  # type: ignore[attr-defined]
        metastore.create_table(TABLE)
        yield metastore


def test_a_metastore_can_be_served_to_other_processes(served: Any) -> None:
    served.add_partitions(NAME, [part("a")])
    [found] = served.partitions(NAME, [("a",)])
    served.alter_partitions(NAME, [replace(found, location="file:/new")])
    assert locations(served) == ["file:/new"]


def test_errors_cross_processes_whole(served: Any) -> None:
    with pytest.raises(NoSuchPartition) as caught:
        swap(served, "gone")
    assert (caught.value.values, caught.value.thrift_class) == ((("gone",),), "InvalidOperationException")


def test_errors_can_be_pickled() -> None:
    error = pickle.loads(pickle.dumps(NoSuchPartition("text", "hint", "Class", [("a",)])))
    assert (error.message, error.hint, error.thrift_class, error.values) == ("text", "hint", "Class", (("a",),))
