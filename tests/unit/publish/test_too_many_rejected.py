"""Too many rows that cannot be decoded stop a batch, which says how many of which column, and shows one."""

from loader.mapping.rejected import Rejected
from loader.publish.shares import too_many


def test_the_columns_are_named_most_first_and_the_key_is_printed_as_hbase_does() -> None:
    bad = [
        Rejected(b"k\x00", "7 bytes are no bigint", (), "clicks"),
        Rejected(b"l", "not UTF-8", (), "title"),
        Rejected(b"m", "not UTF-8", (), "title"),
        Rejected(b"n", "cut", (), None),
    ]
    told = too_many("4 rows of ads.clicks", 2, bad)
    assert told.message == (
        "4 rows of ads.clicks cannot be decoded, more than max_rejected = 2, by column: title 2, clicks 1,"
        r" row key or partition 1; the first is row k\x00: 7 bytes are no bigint"
    )
