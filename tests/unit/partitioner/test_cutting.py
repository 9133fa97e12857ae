"""What one metastore call takes of a batch, and that no key move is cut."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from partitioner.changes.change_set import META, NOWHERE, ChangeSet, Op
from partitioner.changes.cutting import CallLimit, components, what_fits
from partitioner.values import PartitionValues

PLACES = st.integers(NOWHERE, 7)
SIDES = st.lists(st.tuples(PLACES, PLACES).filter(lambda pair: pair != (NOWHERE, NOWHERE)), min_size=1, max_size=30)


def changes_of(sides: list[tuple[int, int]]) -> ChangeSet:
    """One change for each (origin, target)."""
    rows = [
        {
            ":key": str(number).encode(),
            ":hash": number,
            ":op": int(Op.DELETE if target == NOWHERE else Op.UPSERT),
            ":version": 1,
            ":target": target,
            ":origin": origin,
        }
        for number, (origin, target) in enumerate(sides)
    ]
    return ChangeSet(pa.Table.from_pylist(rows, META), tuple((f"p{place}",) for place in range(8)))


def limit(partitions: int | None = None, of_bytes: float = 1e9) -> CallLimit:
    return CallLimit(of_bytes, partitions, lambda partition: 100.0)


def places(changes: ChangeSet) -> set[PartitionValues]:
    pairs = [*changes.rows[":target"].to_pylist(), *changes.rows[":origin"].to_pylist()]
    return {changes.partitions[place] for place in pairs if place > NOWHERE}


def test_partitions_that_keys_move_between_are_one_component() -> None:
    found = components(changes_of([(0, 1), (1, 2), (3, 3), (NOWHERE, 4), (5, NOWHERE)]))
    assert found == (frozenset({("p0",), ("p1",), ("p2",)}), *(frozenset({(f"p{n}",)}) for n in (3, 4, 5)))


def test_what_fits_is_left_whole() -> None:
    changes = changes_of([(0, 1), (2, 2)])
    assert what_fits(changes, limit(3)) == (changes, frozenset())


def test_a_batch_is_cut_between_components_by_number() -> None:
    fits, left = what_fits(changes_of([(0, 1), (2, 2), (3, 3)]), limit(3))
    assert (places(fits), left) == ({("p0",), ("p1",), ("p2",)}, {("p3",)})


def test_a_batch_is_cut_between_components_by_size() -> None:
    fits, left = what_fits(changes_of([(0, 0), (2, 2), (3, 3)]), limit(None, 200.0))
    assert (places(fits), left) == ({("p0",), ("p2",)}, {("p3",)})


def test_a_component_that_is_too_large_goes_alone_and_whole() -> None:
    fits, left = what_fits(changes_of([(0, 1), (1, 2), (3, 3)]), limit(2))
    assert (places(fits), left) == ({("p0",), ("p1",), ("p2",)}, {("p3",)})


@given(SIDES, st.integers(1, 8))
def test_no_change_is_lost_and_no_move_is_cut(sides: list[tuple[int, int]], most: int) -> None:
    changes = changes_of(sides)
    fits, left = what_fits(changes, limit(most))
    assert len(fits.rows)
    assert places(fits).isdisjoint(left)
    assert places(fits) | left == places(changes)
    pieces = components(changes)
    assert sorted(part for piece in pieces for part in piece) == sorted(places(changes))
