"""Rollbacks of single partitions, holds, cuts and dropped partitions on a real HBase and a real metastore."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.clicks import THREE, Clicks, NewClicks, hotswap


@pytest.fixture
def table(clicks: NewClicks) -> Clicks:
    """a and b on mon, c on tue; then d on wed, and c moved to mon."""
    table = clicks(*THREE)
    table.put(("c", "mon", 30), ("d", "wed", 4))
    told(table, "run", "--once")
    return table


def told(table: Clicks, verb: str, *arguments: str) -> Any:
    done = hotswap(table.kept, verb, str(table.kept.table.hive_table), *arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out.splitlines()[-1])


def first_batch(table: Clicks) -> str:
    return str(next(item["batch"] for item in told(table, "history")["attempts"][::-1] if item["kind"] == "batch"))


def test_partitions_go_back_together_wait_together_and_come_again(table: Clicks) -> None:
    plan = told(table, "rollback", "--to", first_batch(table), "--partition", "day=tue", "--yes")["plan"]
    assert plan["held"] == ["day=mon", "day=tue"]
    assert table.rows() == {"a": ("mon", 1), "b": ("mon", 2), "c": ("tue", 3), "d": ("wed", 4)}
    table.put(("a", "wed", 10), ("d", "wed", 40))
    told(table, "run", "--once")
    assert table.rows() == {"a": ("mon", 1), "b": ("mon", 2), "c": ("tue", 3), "d": ("wed", 40)}
    told(table, "resume", "--yes")
    told(table, "run", "--once")
    assert table.rows() == {"a": ("wed", 10), "b": ("mon", 2), "c": ("mon", 30), "d": ("wed", 40)}


def test_an_emptied_partition_is_dropped_when_asked_and_comes_again_with_its_rows(table: Clicks) -> None:
    assert told(table, "clean", "--empty-partitions", "--yes")["empty"] == ["day=tue"]
    assert set(table.locations()) == {"mon", "wed"}
    table.put(("e", "tue", 5))
    told(table, "run", "--once")
    assert table.rows()["e"] == ("tue", 5)


def test_a_batch_larger_than_a_call_is_published_in_several(clicks: NewClicks) -> None:
    table = clicks(partitions_per_swap="3")
    table.put(*((f"k{number}", f"day{number}", number) for number in range(5)))
    told(table, "run", "--once")
    assert table.rows() == {f"k{number}": (f"day{number}", number) for number in range(5)}
    batches = [item["partitions"] for item in told(table, "history")["attempts"] if item["kind"] == "batch"]
    assert batches == [1, 2, 2]


def test_a_rollback_larger_than_a_call_goes_back_in_several_and_comes_again(clicks: NewClicks) -> None:
    table = clicks(partitions_per_swap="3")
    before, after = ({f"k{number}": (f"day{number}", number + more) for number in range(5)} for more in (0, 10))
    for rows in (before, after):
        table.put(*((key, *row) for key, row in rows.items()))
        told(table, "run", "--once")
    batches = [item["batch"] for item in told(table, "history")["attempts"] if item["kind"] == "batch"]
    assert told(table, "rollback", "--to", str(batches[3]), "--yes")["plan"]["calls"] == 3
    assert table.rows() == before
    told(table, "resume", "--yes")
    told(table, "run", "--once")
    assert table.rows() == after
