"""A table that is forgotten, adopted again, and goes on: no row moves, none is lost, none is there twice."""

from __future__ import annotations

from tests.integration.clicks import CHANGED, CHANGES, THREE, Clicks, NewClicks, hotswap


def do(table: Clicks, verb: str, *arguments: str) -> str:
    done = hotswap(table.kept, verb, table.kept.hive_name, *arguments)
    assert done.code == 0, done.err
    return done.out


def test_a_forgotten_table_keeps_its_rows_and_can_be_adopted_again(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    before = (table.rows(), table.locations())
    do(table, "forget", "--yes")
    assert (table.rows(), table.locations()) == before
    refused = hotswap(table.kept, "run", table.kept.hive_name, "--once")
    assert (refused.code, "hotswap init" in refused.err) == (3, True)
    do(table, "adopt", "--yes")
    table.put(*CHANGES)
    do(table, "run", "--once")
    assert table.rows() == CHANGED
    do(table, "verify", "--deep")
