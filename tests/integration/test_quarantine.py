"""Rows that cannot be decoded, and partition values of every sad kind, on the real HBase."""

import json
from typing import Any

import pytest

from loader.sources.hbase.thrift2.client import TColumnValue, TPut
from metastore.api import NULL_PARTITION
from tests.integration.clicks import Clicks, NewClicks, hotswap

ONE = (1).to_bytes(8, "big")


def quarantine(table: Clicks, verb: str, *arguments: str) -> Any:
    result = hotswap(table.kept, "quarantine", verb, table.kept.hive_name, *arguments, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


@pytest.fixture
def table(clicks: NewClicks) -> Clicks:
    made = clicks(("good", "mon", 1))
    made.put_cells(
        {
            "null day": {b"clicks": ONE},
            "empty day": {b"clicks": ONE, b"day": b""},
            "no text": {b"clicks": ONE, b"day": b"\xff\xfe"},
            "the null's name": {b"clicks": ONE, b"day": NULL_PARTITION.encode()},
            "short": {b"clicks": b"\x01\x02", b"day": b"mon"},
        }
    )
    assert hotswap(made.kept, "run", "--once").code == 0
    return made


def test_a_null_and_an_empty_partition_value_are_hives_default_partition_and_no_other_is(table: Clicks) -> None:
    nowhere = {key for key, (day, _) in table.rows().items() if day == NULL_PARTITION}
    assert nowhere == {"null day", "empty day"}
    listed = {row["key"]: row["column"] for row in quarantine(table, "list")["rows"]}
    assert listed == {"no text": "day", "the null's name": "day", "short": "clicks"}
    shown = quarantine(table, "show", "short")
    assert [cell["hex"] for cell in shown["cells"] if cell["cell"] == "d:clicks"] == ["0102"]


def test_a_row_corrected_under_an_old_timestamp_heals_by_retry(table: Clicks) -> None:
    stamp = next(c["timestamp_ms"] for c in quarantine(table, "show", "short")["cells"] if c["cell"] == "d:clicks")
    with table.client() as client:
        value = TColumnValue(family=b"d", qualifier=b"clicks", value=ONE, timestamp=stamp)
        client.put(table.kept.table.hbase_table, TPut(row=b"short", columnValues=[value]))
    assert quarantine(table, "retry", "short") == {"table": table.kept.hive_name, "asked": 1}
    assert hotswap(table.kept, "run", "--once").code == 0
    assert table.rows()["short"] == ("mon", 1)
    assert "short" not in {row["key"] for row in quarantine(table, "list")["rows"]}
