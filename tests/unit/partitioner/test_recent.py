import pyarrow as pa
import pytest

from partitioner.changes.change_set import META, NOWHERE, ChangeSet, Op
from partitioner.changes.hashing import hash_keys
from partitioner.changes.unchanged import Recent, without_unchanged

PARTITIONS = (("1",), ("2",))


def change_set(key: bytes, text: str | None, cost: float | None, *, target: int = 0, origin: int = 0) -> ChangeSet:
    raw = pa.array([key], pa.binary())
    meta = {
        "__key": raw,
        "__hash": hash_keys(raw),
        "__op": pa.array([int(Op.UPSERT)], pa.int8()),
        "__version": pa.array([1], pa.int64()),
        "__target": pa.array([target], pa.int32()),
        "__origin": pa.array([origin], pa.int32()),
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
