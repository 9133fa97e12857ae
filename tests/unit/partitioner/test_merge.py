"""The merge against a dict, and against every expectation that a change states."""

import pickle
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioner.changes.change_set import Routed
from partitioner.changes.hashing import hash_key
from partitioner.errors import DriftError, InvalidChange
from partitioner.merge.merge_split import MergeCounts, merge_split
from partitioner.merge.rules import NEWEST_WINS, MergeRule
from partitioner.planning.routing import KIND
from partitioner.values import Bucket, SplitId
from tests.unit.partitioner.build import SCHEMA, raw_keys, table_batch

WHOLE = Bucket(0, 1)
Given = list[tuple[str, str | None, Routed]]

keys = st.integers(0, 60).map(lambda number: f"key-{number}")
tables = st.dictionaries(keys, st.sampled_from("xyz"), max_size=40)


def routed(changes: Given) -> pa.Table:
    return pa.table(
        {
            ":key": pa.array([key.encode() for key, _, _ in changes], pa.binary()),
            KIND: pa.array([kind for _, _, kind in changes], pa.int8()),
            ":version": pa.array([1] * len(changes), pa.int64()),
            "id": pa.array([key for key, _, _ in changes], pa.string()),
            "value": pa.array([value for _, value, _ in changes], pa.string()),
        }
    )


def in_batches(
    rows: dict[str, str], cuts: list[int], claimed: Bucket = WHOLE
) -> Iterator[tuple[Bucket, pa.RecordBatch]]:
    batch, start = table_batch(rows), 0
    for cut in [*sorted(cut % (len(rows) + 1) for cut in cuts), len(rows)]:
        yield claimed, batch.slice(start, cut - start)
        start = cut


def merged(
    batches: Iterator[tuple[Bucket, pa.RecordBatch]],
    changes: Given,
    bucket: Bucket = WHOLE,
    rule: MergeRule = NEWEST_WINS,
    schema: pa.Schema = SCHEMA,
) -> tuple[list[pa.RecordBatch], MergeCounts]:
    merge = merge_split(batches, raw_keys, routed(changes), schema, split=SplitId(("p",), bucket), rule=rule)
    out = []
    while True:
        try:
            out.append(next(merge))
        except StopIteration as end:
            return out, end.value


def rows_of(batches: list[pa.RecordBatch]) -> list[tuple[str, str]]:
    return [(row["id"], row["value"]) for batch in batches for row in batch.to_pylist()]


@st.composite
def right_changes(draw: st.DrawFn, rows: dict[str, str]) -> Given:
    """Changes whose kinds agree with what is in `rows`."""
    changes: Given = []
    for key in draw(st.lists(keys, unique=True, max_size=30)):
        there = [Routed.UPDATE, Routed.DELETE, Routed.MOVE_OUT]
        kind = draw(
            st.sampled_from([*(there if key in rows else [Routed.INSERT, Routed.MOVE_IN]), Routed.UPSERT, Routed.DROP])
        )
        changes.append((key, f"new-{draw(st.sampled_from('xyz'))}", kind))
    return changes


LEAVING = (Routed.DELETE, Routed.MOVE_OUT, Routed.DROP)


def model(rows: dict[str, str], changes: Given) -> dict[str, str]:
    after = dict(rows)
    for key, value, kind in changes:
        if kind in LEAVING:
            after.pop(key, None)
        else:
            after[key] = value or ""
    return after


@given(st.data(), tables, st.lists(st.integers(0, 40), max_size=5))
def test_merging_equals_applying_the_changes_to_a_dict(
    data: st.DataObject, rows: dict[str, str], cuts: list[int]
) -> None:
    changes = data.draw(right_changes(rows))
    batches, _ = merged(in_batches(rows, cuts), changes)
    found = rows_of(batches)
    assert dict(found) == model(rows, changes)
    assert len(found) == len(dict(found))


@given(st.data(), tables, st.lists(st.integers(0, 40), max_size=5))
def test_the_result_does_not_depend_on_where_batches_end(
    data: st.DataObject, rows: dict[str, str], cuts: list[int]
) -> None:
    changes = data.draw(right_changes(rows))
    one, counts = merged(in_batches(rows, []), changes)
    other, other_counts = merged(in_batches(rows, cuts), changes)
    assert (rows_of(one), counts) == (rows_of(other), other_counts)


@given(st.data(), tables)
def test_the_books_balance_and_count_each_kind(data: st.DataObject, rows: dict[str, str]) -> None:
    changes = data.draw(right_changes(rows))
    batches, counts = merged(in_batches(rows, [7]), changes)

    def of(*kinds: Routed) -> int:
        return sum(kind in kinds for _, _, kind in changes)

    new = sum(kind is Routed.UPSERT and key not in rows for key, _, kind in changes)
    dropped = sum(kind is Routed.DROP and key in rows for key, _, kind in changes)
    assert counts == MergeCounts(
        before=len(rows),
        inserted=of(Routed.INSERT) + new,
        updated=of(Routed.UPDATE, Routed.UPSERT) - new,
        deleted=of(Routed.DELETE) + dropped,
        moved_out=of(Routed.MOVE_OUT),
        moved_in=of(Routed.MOVE_IN),
    )
    assert counts.after == len(rows_of(batches))


@given(st.data(), tables, st.integers(0, 3), st.integers(0, 3))
def test_a_resize_puts_every_row_into_exactly_one_split(
    data: st.DataObject, rows: dict[str, str], old: int, new: int
) -> None:
    changes = data.draw(right_changes(rows))
    found: list[tuple[str, str]] = []
    before = 0
    for index in range(1 << new):
        mine = Bucket(index, 1 << new)
        holders = [Bucket(i, 1 << old) for i in range(1 << old) if (i - index) % min(1 << old, 1 << new) == 0]
        batches = (pair for holder in holders for pair in in_batches(part(rows, holder), [3], holder))
        out, counts = merged(batches, [change for change in changes if holds(mine, change[0])], mine)
        assert all(holds(mine, key) for key, _ in rows_of(out))
        found += rows_of(out)
        before += counts.before
    assert sorted(found) == sorted(model(rows, changes).items())
    assert before == len(rows)


def holds(bucket: Bucket, key: str) -> bool:
    return hash_key(key.encode()) % bucket.count == bucket.index


def part(rows: dict[str, str], bucket: Bucket) -> dict[str, str]:
    return {key: value for key, value in rows.items() if holds(bucket, key)}


ROWS = {f"key-{number}": "x" for number in range(10)}


@pytest.mark.parametrize("kind", [Routed.UPDATE, Routed.DELETE, Routed.MOVE_OUT])
def test_a_key_that_the_index_places_here_but_that_is_not_here_is_drift(kind: Routed) -> None:
    with pytest.raises(DriftError, match=r"1 keys that the key index places here are not in the files .*'key-99'"):
        merged(in_batches(ROWS, [4]), [("key-99", "v", kind), ("key-1", "v", Routed.UPDATE)])


@pytest.mark.parametrize("kind", [Routed.INSERT, Routed.MOVE_IN])
def test_a_key_that_the_index_calls_new_but_that_is_here_is_drift(kind: Routed) -> None:
    with pytest.raises(DriftError, match="does not place here are in the files"):
        merged(in_batches(ROWS, [4]), [("key-3", "v", kind)])


@pytest.mark.parametrize("kind", [Routed.UPDATE, Routed.DELETE, Routed.UPSERT, Routed.DROP])
def test_a_changed_key_that_is_twice_in_the_files_is_drift(kind: Routed) -> None:
    twice = iter([(WHOLE, table_batch(ROWS)), (WHOLE, table_batch({"key-3": "y"}))])
    with pytest.raises(DriftError, match="more than once"):
        merged(twice, [("key-3", "v", kind)])


def test_a_row_in_a_file_of_another_bucket_is_drift() -> None:
    with pytest.raises(DriftError, match="hash to another bucket"):
        merged(in_batches(ROWS, [], Bucket(0, 2)), [], Bucket(0, 2))


def test_drift_names_partition_bucket_and_keys_and_survives_pickling() -> None:
    with pytest.raises(DriftError) as caught:
        merged(in_batches({}, []), [(f"key-{number}", "v", Routed.DELETE) for number in range(7)])
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.partition, copy.bucket, copy.count, len(copy.keys)) == (("p",), WHOLE, 7, 5)
    assert str(copy) == str(caught.value)


def test_two_changes_of_one_key_are_refused() -> None:
    with pytest.raises(InvalidChange, match="two changes"):
        merged(in_batches(ROWS, []), [("key-1", "a", Routed.UPDATE), ("key-1", "b", Routed.UPDATE)])


def test_dictionaries_stay_dictionaries() -> None:
    encoded = pa.schema([SCHEMA.field("id"), pa.field("value", pa.dictionary(pa.int32(), pa.string()))])
    batch = table_batch(ROWS)
    batch = pa.record_batch([batch.column(0), pc.dictionary_encode(batch.column(1))], schema=encoded)
    out, _ = merged(iter([(WHOLE, batch)]), [("key-1", "other", Routed.UPDATE)], schema=encoded)
    assert {batch.schema.field("value").type for batch in out} == {encoded.field("value").type}
    assert dict(rows_of(out))["key-1"] == "other"


def test_batches_without_a_change_pass_untouched() -> None:
    batch = table_batch(ROWS)
    out, _ = merged(iter([(WHOLE, batch)]), [])
    assert out[0] is batch


def appended(existing: pa.Table, images: pa.Table) -> pa.Table:
    joined = pc.binary_join_element_wise(existing["value"], images["value"], "+")
    return images.set_column(1, "value", joined)


@given(tables, st.lists(st.integers(0, 40), max_size=4))
def test_a_rule_that_combines_sees_each_row_beside_its_own_image(rows: dict[str, str], cuts: list[int]) -> None:
    rule = MergeRule("append", idempotent=False, combine=appended)
    changes: Given = [(key, "new", Routed.UPSERT) for key in [*list(rows)[::2], "key-unseen"]]
    changes += [(key, None, Routed.DELETE) for key in list(rows)[1::4]]
    batches, _ = merged(in_batches(rows, cuts), changes, rule=rule)
    expected = {key: f"{value}+new" if place % 2 == 0 else value for place, (key, value) in enumerate(rows.items())}
    for key in list(rows)[1::4]:
        del expected[key]
    assert dict(rows_of(batches)) == expected | {"key-unseen": "new"}
