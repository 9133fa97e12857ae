import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from partitioner.merge.rules import NEWEST_WINS, dedupe

versions = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3)), max_size=40)


@given(versions)
def test_the_newest_version_of_each_key_stays_and_of_equals_the_last(changes: list[tuple[str, int]]) -> None:
    rows = pa.table(
        {
            ":key": pa.array([key.encode() for key, _ in changes], pa.binary()),
            ":version": pa.array([version for _, version in changes], pa.int64()),
            "place": pa.array(range(len(changes)), pa.int64()),
        }
    )
    newest: dict[str, tuple[int, int]] = {}
    for place, (key, version) in enumerate(changes):
        if key not in newest or version >= newest[key][0]:
            newest[key] = (version, place)
    assert dedupe(rows)["place"].to_pylist() == sorted(place for _, place in newest.values())


def test_keys_in_several_chunks_are_told_apart() -> None:
    chunk = pa.table({":key": pa.array([b"a", b"b"], pa.binary()), ":version": [1, 1]})
    assert len(dedupe(pa.concat_tables([chunk, chunk]))) == 2


def test_newest_wins_may_be_applied_twice() -> None:
    assert NEWEST_WINS.idempotent
