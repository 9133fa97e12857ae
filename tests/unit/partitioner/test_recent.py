import math
import struct

import pyarrow as pa
import pytest

from partitioner.changes.change_set import META, NOWHERE, ChangeSet, Op
from partitioner.changes.hashing import hash_keys
from partitioner.changes.unchanged import Recent, without_unchanged

PARTITIONS = (("1",), ("2",))


def change_set(key: bytes, text: str | None, cost: float | None, *, target: int = 0, origin: int = 0) -> ChangeSet:
    raw = pa.array([key], pa.binary())
    meta = {
        ":key": raw,
        ":hash": hash_keys(raw),
        ":op": pa.array([int(Op.UPSERT)], pa.int8()),
        ":version": pa.array([1], pa.int64()),
        ":target": pa.array([target], pa.int32()),
        ":origin": pa.array([origin], pa.int32()),
    }
    rows = pa.table(
        {name: meta[name] for name in META.names}
        | {"text": pa.array([text], pa.string()), "cost": pa.array([cost], pa.float64())}
    )
    return ChangeSet(rows, PARTITIONS)


PUBLISHED = Recent().after(change_set(b"k", "a", None), until=1)


def test_a_row_that_reads_the_same_again_is_left_out_nulls_included() -> None:
    assert len(without_unchanged(change_set(b"k", "a", None), PUBLISHED).rows) == 0


@pytest.mark.parametrize(
    "changed",
    [
        change_set(b"other", "a", None),
        change_set(b"k", "b", None),
        change_set(b"k", None, None),
        change_set(b"k", "a", 0.0),
        change_set(b"k", "a", None, target=1),
        change_set(b"k", "a", None, origin=NOWHERE),
    ],
    ids=["another key", "a value", "a null for a value", "a value for a null", "another partition", "gone meanwhile"],
)
def test_whatever_differs_is_kept(changed: ChangeSet) -> None:
    assert len(without_unchanged(changed, PUBLISHED).rows) == 1


NAN, OTHER_NAN = (struct.unpack(">d", bytes.fromhex(bits))[0] for bits in ("7ff8000000000000", "7ff8000000000001"))
FLOATS = [0.0, -0.0, 1.5, math.inf, NAN, OTHER_NAN, None]


@pytest.mark.parametrize("before", FLOATS)
@pytest.mark.parametrize("now", FLOATS)
def test_floats_are_the_same_if_their_bits_are(before: float | None, now: float | None) -> None:
    """By value −0.0 over 0.0 would never be published, and a NaN always anew."""
    published = Recent().after(change_set(b"k", "a", before), until=1)
    alike = pa.array([before], pa.float64()).view(pa.int64()) == pa.array([now], pa.float64()).view(pa.int64())
    assert (len(without_unchanged(change_set(b"k", "a", now), published).rows) == 0) is alike


def with_map(entries: list[tuple[str, float]] | None) -> ChangeSet:
    made = change_set(b"k", "a", None)
    column = pa.array([entries], pa.map_(pa.string(), pa.float64()))
    return ChangeSet(made.rows.append_column("m", column), PARTITIONS)


MAPS = [None, [], [("a", 0.0)], [("a", -0.0)], [("a", NAN)], [("a", OTHER_NAN)], [("b", 0.0)], [("a", 0.0), ("b", 0.0)]]


@pytest.mark.parametrize("before", range(len(MAPS)))
@pytest.mark.parametrize("now", range(len(MAPS)))
def test_maps_are_the_same_if_their_entries_are(before: int, now: int) -> None:
    published = Recent().after(with_map(MAPS[before]), until=1)
    assert (len(without_unchanged(with_map(MAPS[now]), published).rows) == 0) is (before == now)
