"""Rows as they are shown: every value has something to show, and what differs by a bit differs."""

import json
import struct
from datetime import date

import pyarrow as pa
import pytest

from loader.basics.plain import as_json, plain_values

FAR = pa.array([-719_529], pa.int32()).view(pa.date32())
FLOATS = [
    0.0,
    -0.0,
    1.5,
    float("inf"),
    float("-inf"),
    *(struct.unpack(">d", bytes([127, 248] + [0] * 5 + [n]))[0] for n in (0, 1)),
]


def test_a_row_with_dates_that_python_has_not_is_shown_all_the_same() -> None:
    far = pa.array([2**60], pa.int64()).view(pa.timestamp("us"))
    maps = pa.array([[("k", -719_529)]], pa.map_(pa.string(), pa.int32())).view(pa.map_(pa.string(), pa.date32()))
    shown = plain_values(pa.record_batch({"day": FAR, "at": far, "m": maps, "near": pa.array([date(2026, 1, 1)])}), 0)
    assert (shown["day"], shown["near"]) == ("-0001-12-31", date(2026, 1, 1))
    assert (str(2**60) in shown["at"], "out of range" in shown["m"]) == (True, True)


@pytest.mark.parametrize("one", range(len(FLOATS)))
@pytest.mark.parametrize("other", range(len(FLOATS)))
def test_floats_are_shown_alike_if_their_bits_are(one: int, other: int) -> None:
    shown = [as_json({"x": FLOATS[place], "m": [("k", FLOATS[place])]}) for place in (one, other)]
    assert (shown[0] == shown[1]) is (one == other)
    assert json.loads(json.dumps(shown[0], allow_nan=False)) == {"x": shown[0]["x"], "m": [["k", shown[0]["x"]]]}
