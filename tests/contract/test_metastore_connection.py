"""What a lost connection may and may not do, between a client and each real metastore."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from metastore.api import PARQUET, Column, Partition, Table, TableName
from metastore.client import Retries, ThriftMetastore, connect
from metastore.errors import NoReply, TooLarge, Unreachable
from metastore.locks import TableLock
from tests.contract.proxy import Proxy, Trick

ALTER = "alter_partitions_with_environment_context"
VALUES = ("a",)
_numbers = itertools.count()


@dataclass
class Line:
    """A client whose connections go through a proxy, a client beside it, and a table with one partition."""

    proxy: Proxy
    through: ThriftMetastore
    beside: ThriftMetastore
    table: Table
    slept: list[float] = field(default_factory=list)

    @property
    def partition(self) -> Partition:
        [found] = self.beside.all_partitions(self.table.name)
        return found

    def swap(self) -> None:
        self.through.alter_partitions(self.table.name, [replace(self.partition, location="file:/swapped")])


@pytest.fixture
def line(each_hms: Any, tmp_path: Any) -> Iterator[Line]:
    beside, proxy = connect([each_hms.uri]), Proxy(each_hms.uri)
    if not beside.database_exists("connection"):
        beside.create_database("connection", f"file:{tmp_path}/connection.db")
    name = TableName("connection", f"t{os.getpid()}_{next(_numbers)}")
    table = Table(name, (Column("a", "int"),), (Column("k", "string"),), f"file:{tmp_path}/t", PARQUET)
    beside.create_table(table)
    beside.add_partitions(name, [Partition(VALUES, f"file:{tmp_path}/t/k=a", table.columns, PARQUET)])
    slept: list[float] = []
    through = connect([proxy.uri], timeout_s=5, sleep=slept.append)
    yield Line(proxy, through, beside, table, slept)
    through.close()
    proxy.close()
    beside.drop_table(name)
    beside.close()


def test_a_swap_whose_reply_is_lost_may_have_happened(line: Line) -> None:
    line.proxy.play(Trick.CUT_REPLY, ALTER)
    with pytest.raises(NoReply):
        line.swap()
    assert line.partition.location == "file:/swapped"


def test_a_swap_whose_request_is_lost_is_told_the_same_way(line: Line) -> None:
    line.proxy.play(Trick.CUT_REQUEST, ALTER)
    with pytest.raises(NoReply):
        line.swap()
    assert line.partition.location != "file:/swapped"


@pytest.mark.parametrize("trick", [Trick.CUT_REPLY, Trick.CUT_REQUEST])
def test_a_swap_is_never_sent_twice(line: Line, trick: Trick) -> None:
    line.proxy.play(trick, ALTER)
    with pytest.raises(NoReply):
        line.swap()
    assert line.proxy.seen.count(ALTER) == 1


def test_a_swap_that_is_not_answered_in_time_may_have_happened(line: Line) -> None:
    hasty = connect([line.proxy.uri], timeout_s=0.2)
    partition = replace(line.partition, location="file:/swapped")
    line.proxy.play(Trick.NO_ANSWER, ALTER)
    with pytest.raises(NoReply):
        hasty.alter_partitions(line.table.name, [partition])
    assert line.partition.location == "file:/swapped"
    hasty.close()


def test_a_late_reply_is_not_taken_for_the_next_one(line: Line) -> None:
    hasty = connect([line.proxy.uri], timeout_s=0.5, retries=Retries(attempts=1))
    line.proxy.play(Trick.LATE_REPLY, "get_partitions")
    with pytest.raises(Unreachable):
        hasty.all_partitions(line.table.name)
    line.beside.alter_partitions(line.table.name, [replace(line.partition, location="file:/newer")])
    line.proxy.deliver()
    assert [p.location for p in hasty.all_partitions(line.table.name)] == ["file:/newer"]
    hasty.close()


def test_after_a_lost_reply_the_client_goes_on(line: Line) -> None:
    line.proxy.play(Trick.CUT_REPLY, ALTER)
    with pytest.raises(NoReply):
        line.swap()
    assert line.through.partition_names(line.table.name) == (VALUES,)


def test_a_connection_that_broke_while_idle_is_replaced_before_a_swap_is_sent(line: Line) -> None:
    line.proxy.hang_up()
    line.swap()
    assert line.partition.location == "file:/swapped"


@pytest.mark.parametrize("trick", [Trick.CUT_REPLY, Trick.CUT_REQUEST])
def test_a_read_whose_reply_is_lost_is_asked_again(line: Line, trick: Trick) -> None:
    line.proxy.play(trick, "get_partitions")
    assert [p.values for p in line.through.all_partitions(line.table.name)] == [VALUES]
    assert line.proxy.seen.count("get_partitions") == 2


def test_between_reads_the_client_waits(line: Line) -> None:
    line.proxy.play(Trick.CUT_REPLY, "get_partitions")
    line.through.all_partitions(line.table.name)
    assert len(line.slept) == 1


def test_a_metastore_that_went_away_is_unreachable_for_reads(line: Line) -> None:
    line.proxy.close()
    with pytest.raises(Unreachable):
        line.through.all_partitions(line.table.name)


def test_a_metastore_that_went_away_is_unreachable_for_a_swap(line: Line) -> None:
    line.proxy.close()
    with pytest.raises(Unreachable):
        line.swap()


def test_a_request_above_the_servers_limit_is_not_sent(line: Line) -> None:
    limit = line.through.server().max_message_bytes
    partition = replace(line.partition, parameters={"long": "x" * limit})
    with pytest.raises(TooLarge):
        line.through.alter_partitions(line.table.name, [partition])
    assert ALTER not in line.proxy.seen


def test_a_lock_whose_reply_was_lost_is_found_and_released(line: Line) -> None:
    line.proxy.play(Trick.CUT_REPLY, "lock")
    lock = TableLock(line.through, line.table.name, user="u", host="h", agent="run1", wait_s=60, sleep=lambda _: None)
    with lock:
        assert [info.id for info in line.beside.locks(line.table.name)] == [lock.id]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize("order", [list, lambda uris: [",".join(uris)]])
def test_a_dead_server_is_passed_over_for_the_next(line: Line, order: Callable[[list[str]], list[str]]) -> None:
    uris = [f"thrift://127.0.0.1:{free_port()}", line.proxy.uri]
    metastore = connect(order(uris), retries=Retries(attempts=1))
    assert metastore.table(line.table.name).name == line.table.name
    metastore.close()
