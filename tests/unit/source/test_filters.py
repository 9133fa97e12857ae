"""MultiRowRangeFilter's bytes, against a hand-decoded vector. That HBase reads them is proved in test_source.py."""

from loader.sources.hbase.access.filters import rows_filter

NAME = b"org.apache.hadoop.hbase.filter.MultiRowRangeFilter"


def test_one_row_is_a_range_from_itself_to_itself_both_inclusive() -> None:
    row_range = b"\x0a\x01k\x10\x01\x1a\x01k\x20\x01"
    wrapped = b"\x0a" + bytes([len(row_range)]) + row_range
    assert rows_filter([b"k"]) == b"\x0a" + bytes([len(NAME)]) + NAME + b"\x12" + bytes([len(wrapped)]) + wrapped


def test_lengths_above_127_take_two_bytes() -> None:
    assert b"\x0a\xc8\x01" + b"k" * 200 in rows_filter([b"k" * 200])
