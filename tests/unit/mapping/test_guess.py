"""What cells that a mapping cannot decode seem to be."""

import struct

import pytest

from loader.mapping.guess import guess, suspicious
from loader.mapping.hive_types import parse_hive_type

LONGS = [(5).to_bytes(8, "big"), (2**62).to_bytes(8, "big")]


@pytest.mark.parametrize(
    ("kind", "cells", "told"),
    [
        ("bigint", LONGS, "8 bytes: #b"),
        ("int", [b"\x00\x00\x01\x02"], "4 bytes: #b"),
        ("double", [struct.pack(">d", 0.5)], "8 bytes: #b"),
        ("bigint", [b"12", b"345"], "without #b, as text"),
        ("bigint", [b"\x00\x00\x01\x02", b"\x00\x00\x00\x01"], "4 bytes: type: int_be"),
        ("timestamp", [(1_700_000_000_000).to_bytes(8, "big")], "8 bytes: type: timestamp_ms"),
        ("string", [b"\xff" * 8], "8 bytes: a bigint or double, with #b"),
        ("string", LONGS[:1], "8 bytes: a bigint or double, with #b"),
        ("bigint", [b"twelve", b"3"], None),
        ("date", [b"yesterday"], None),
    ],
)
def test_a_guess_names_a_way_that_decodes_every_cell(kind: str, cells: list[bytes], told: str | None) -> None:
    assert guess(parse_hive_type(kind), cells) == told


def test_a_text_of_numbers_wide_bytes_is_told_though_it_can_be_decoded() -> None:
    assert suspicious(parse_hive_type("string"), LONGS[:1])
    assert not suspicious(parse_hive_type("string"), [b"eight ab"])
    assert not suspicious(parse_hive_type("string"), [])
