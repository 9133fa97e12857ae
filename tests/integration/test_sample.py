"""`init --sample` and `--dry-run` on a real HBase: rows from all regions, no Hive, and what a wrong mapping is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devservers.hbase import HBase
from tests.integration.clicks import SETTINGS, Clicks, hotswap
from tests.integration.oracle.kept import fresh_name, keep

NO_HIVE = "thrift://127.0.0.1:1"
KEYS = [f"{letter}{number:02d}" for letter in "bdhkmz" for number in range(20)]


@pytest.fixture(scope="module")
def regions(hbase: HBase) -> Iterator[str]:
    """Six of seven regions have twenty rows each."""
    name = fresh_name("sampled")
    hbase.create_table(name, ["d"], splits=[b"c", b"f", b"j", b"l", b"n", b"q"])
    yield name
    hbase.drop(name)


def told(table: Clicks, *arguments: str) -> tuple[int, Any, str]:
    done = hotswap(table.kept, "init", table.kept.hive_name, *arguments, "--json")
    return done.code, json.loads(done.out) if done.out else None, done.err


@pytest.fixture(scope="module")
def table(hbase: HBase, regions: str, tmp_path_factory: pytest.TempPathFactory) -> Clicks:
    folder = tmp_path_factory.mktemp("sample")
    kept = keep(folder, hbase.thrift, NO_HIVE, regions, f"default.{regions}", SETTINGS)
    made = Clicks(kept, hbase)
    made.put(*((key, "mon", number) for number, key in enumerate(KEYS)))
    return made


@pytest.mark.parametrize(("rows", "regions_seen"), [(1, 1), (5, 4), (12, 6), (40, 6), (1000, 6)])
def test_a_dry_run_shows_rows_of_all_regions_and_asks_no_hive(table: Clicks, rows: int, regions_seen: int) -> None:
    code, report, _ = told(table, "--dry-run", "--sample", str(rows))
    keys = [row["key"] for row in report["rows"]]
    assert code == 0
    assert len(keys) == min(rows, len(KEYS))
    assert keys == sorted(set(keys))
    assert len({key[0] for key in keys}) >= regions_seen
    assert {row["partition"] for row in report["rows"]} == {"day=mon"}


def test_a_wrong_mapping_fails_with_a_guess_and_makes_nothing(table: Clicks, tmp_path: Path) -> None:
    config = table.kept.config
    right = config.read_text()
    config.write_text(right.replace("d:clicks#b", "d:clicks"))
    try:
        code, report, err = told(table, "--sample", "12")
    finally:
        config.write_text(right)
    assert (code, len(report["rows"])) == (2, 12)
    assert report["guesses"] == ["clicks (d:clicks, bigint): 8 bytes: #b?"]
    assert "8 bytes: #b?" in err
    assert "12 of 12 sampled rows" in err
