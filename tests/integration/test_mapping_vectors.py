"""The codecs against HBase's own `Bytes`. Hive's own reading is tried in `test_hive_decoding`."""

from __future__ import annotations

from devservers.hbase import HBase
from loader.mapping.codecs import codec_for
from loader.mapping.hive_types import parse_hive_type

WRITTEN = [
    ("int", 0),
    ("int", 789),
    ("int", -1),
    ("int", 2**31 - 1),
    ("int", -(2**31)),
    ("bigint", 2**31),
    ("bigint", -(2**31) - 1),
    ("bigint", 2**63 - 1),
    ("bigint", -(2**63)),
    ("double", 5.3),
    ("double", -0.0),
    ("double", float("inf")),
    ("boolean", True),
    ("boolean", False),
    ("string", "Grüße, 東京"),
]
"""Java's overload follows from the value: what fits an int is written as one."""


def test_what_hbases_bytes_writes_is_read_back(hbase: HBase) -> None:
    java = hbase._inside.hadoop.hbase.util.Bytes
    for hive, value in WRITTEN:
        stored = bytes(java.toBytes(value))
        column, reasons = codec_for(parse_hive_type(hive), binary=True).decode([stored])
        assert (column.to_pylist(), reasons) == ([value], {}), (hive, value, stored)
