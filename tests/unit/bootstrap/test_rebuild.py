"""A rebuild: all of a loaded table anew in one swap; what was live comes back by a rollback, and nothing is lost."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from loader.basics.errors import (
    ConfigError,
    Conflict,
    Held,
    NeedsConfirmation,
    TooLarge,
    TooManyRejected,
    UnsuitableTable,
)
from loader.ops.bootstrap.rebuild import Rebuild, check_same_table, preview_rebuild
from loader.ops.bootstrap.run import Loaded
from loader.ops.rollback.steps import Goal, hold_steps, plan_of, resume_steps, rollback_steps
from loader.publish.batch import Batch
from loader.publish.publish import publish
from loader.state.gaps import debts
from loader.state.quarantine import quarantined
from loader.state.recently_published import Recently
from loader.storage.local import local_path
from metastore.fence import is_fence
from partitioner.history.kinds import Kind
from tests.unit.bootstrap.scene import AFTER, BEFORE, Scene
from tests.world import COLUMNS, KEYS, TABLE, expected, run_batch, visible

SAME = Rebuild(BEFORE)
OTHER = Rebuild(AFTER)
ROWS = 600


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Loaded, and one batch after that."""
    return loaded(tmp_path, ROWS)


def loaded(folder: Path, rows: int) -> Scene:
    made = Scene(folder, rows=rows)
    made.bootstrap()
    made.source.put("k7", "fri", -7)
    load(made)
    assert made.is_right()
    return made


def load(scene: Scene) -> None:
    """One batch of a loader with the old configuration."""
    run_batch(replace(scene.open(), definition=BEFORE.definition), scene.source)


def rebuild(scene: Scene, way: Rebuild = OTHER, **options: object) -> Loaded:
    return scene.bootstrap(way=way, **options)  # type: ignore[arg-type]


def remap(scene: Scene) -> None:
    """HBase's rows come to other partitions and no window tells: as by another configuration."""
    for key, (day, clicks) in list(scene.source.rows.items()):
        scene.source.rows[key] = ({"mon": "sat", "tue": "sun"}.get(day, "tue"), clicks)
    assert not scene.is_right()


def live(scene: Scene) -> dict[str, str]:
    found = scene.store.all_partitions(TABLE)
    return {one.values[0]: one.location for one in found if not is_fence(KEYS, one.values)}


def roll_back(scene: Scene, target: int, *partitions: str) -> None:
    env = scene.open()
    goal = Goal(target, tuple((day,) for day in partitions) or None)
    publish(Batch(env, Kind.ROLLBACK), rollback_steps(plan_of(env, env.state.records(), goal)))


def test_all_rows_are_anew_and_partitions_without_rows_are_empty(scene: Scene) -> None:
    before = live(scene)
    remap(scene)
    done = rebuild(scene)
    after = live(scene)
    assert scene.is_right()
    assert done.rows == ROWS
    assert (set(before), set(after)) == ({"mon", "tue", "wed", "fri"}, {"mon", "tue", "wed", "fri", "sat", "sun"})
    assert [day for day in before if before[day] == after[day]] == []
    state = scene.open().state.records().state
    assert state.definition == AFTER.definition
    assert {day[0]: version.rows for day, version in state.live.items() if not version.rows} == {
        day: 0 for day in ("mon", "wed", "fri") if day not in {row[0] for row in scene.source.rows.values()}
    }


def test_who_began_before_reads_the_old_rows_to_the_end(scene: Scene) -> None:
    files = [path for place in live(scene).values() for path in local_path(place).glob("[!_.]*")]
    remap(scene)
    rebuild(scene)
    assert files
    assert all(path.exists() for path in files)


def test_the_next_batch_finds_each_key_where_the_rebuild_has_put_it(scene: Scene) -> None:
    remap(scene)
    rebuild(scene)
    scene.source.put("k1", "fri", -1)
    scene.source.put("k2", "new", -2)
    scene.source.delete("k3")
    scene.source.put("k6000", "sat", 1)
    run_batch(replace(scene.open(), definition=AFTER.definition), scene.source)
    assert scene.is_right()


def test_a_loader_with_the_old_configuration_publishes_nothing_over_it(scene: Scene) -> None:
    old = replace(scene.open(), definition=BEFORE.definition)
    rebuild(scene)
    there = visible(scene.store)
    scene.source.put("k1", "fri", -1)
    with pytest.raises(ConfigError, match="another configuration than this loader's"):
        run_batch(old, scene.source)
    assert visible(scene.store) == there


def test_the_stream_begins_again_where_the_rebuild_began(scene: Scene) -> None:
    began = rebuild(scene).begun_ms
    position = scene.open().state.position()
    assert position is not None
    assert position.low_ms < position.read_ms < began


def test_what_was_published_before_is_not_taken_for_published(scene: Scene) -> None:
    """Its position lies before those of batches that were published while it read."""
    env = scene.open()
    recently = Recently(env.files, env.layout)
    scene.source.clock = 10**12  # a window that ends long after the rebuild begins
    scene.source.put("k7", "fri", -8)
    load(scene)
    rows = recently.refresh(env.state.records())
    assert len(rows.rows)
    rebuild(scene)
    scene.source.low = 10**12
    scene.source.put("k8", "fri", -8)
    run_batch(replace(scene.open(), definition=AFTER.definition), scene.source)
    assert recently.refresh(env.state.records()).rows.num_rows <= 1


def test_a_rollback_takes_it_back_and_the_stream_begins_where_it_was(scene: Scene) -> None:
    before = visible(scene.store)
    was = scene.open().state.position()
    target = scene.open().state.records().state.batch
    remap(scene)
    rebuild(scene)
    roll_back(scene, target)
    env = scene.open()
    now = env.state.position()
    assert visible(scene.store) == before
    assert env.state.records().state.definition == BEFORE.definition
    assert was is not None
    assert now is not None
    assert (now.read_ms, now.low_ms, now.source) == (was.read_ms, was.low_ms, was.source)
    assert any("rebuild that was taken back" in debt.reason for debt in debts(env.files, env.layout))


def test_single_partitions_do_not_go_back_over_it(scene: Scene) -> None:
    target = scene.open().state.records().state.batch
    rebuild(scene, SAME)
    with pytest.raises(ConfigError, match="was rebuilt since batch"):
        roll_back(scene, target, "mon")


LONG = pytest.mark.slow


@pytest.mark.parametrize(
    ("phase", "at"),
    [
        ("reading HBase", 2),
        pytest.param("writing files", 2, marks=LONG),
        pytest.param("indexing keys", 0, marks=LONG),
        ("publishing", 0),
    ],
)
def test_a_killed_one_goes_on_and_comes_to_the_same(scene: Scene, phase: str, at: int) -> None:
    before = visible(scene.store)
    remap(scene)
    scene.killed_in(phase, at, way=OTHER)
    assert visible(scene.store) == before
    assert rebuild(scene).rows == ROWS
    assert scene.is_right()


def test_what_was_read_is_not_read_again_unless_the_configuration_is_another(scene: Scene) -> None:
    scene.killed_in("writing files", way=OTHER)
    read: list[bytes] = []
    scene.ranges.on_block = read.extend
    scene.killed_in("publishing", 0, way=OTHER)
    assert read == []
    rebuild(scene, SAME)
    assert len(set(read)) == ROWS


def test_what_a_published_one_left_behind_is_not_published_again(scene: Scene) -> None:
    """Killed between its outcome and clearing up: what it had read is old by then."""
    scene.killed_in("publishing", 0, way=OTHER)
    kept = scene.folder / "_hotswap" / "bootstrap"
    aside = scene.folder.parent / f"{scene.folder.name}-aside"
    kept.rename(aside)
    rebuild(scene)
    aside.rename(kept)
    remap(scene)
    rebuild(scene)
    assert scene.is_right()


def test_of_two_at_once_one_ends_and_the_table_is_right(scene: Scene) -> None:
    ended: list[Loaded] = []
    begun: list[str] = []

    def start_another(now: str, done: int, of: int, rows: int) -> None:
        if now == "reading HBase" and done == 1 and not begun:
            begun.append(now)
            ended.append(rebuild(scene))

    remap(scene)
    with suppress(Conflict):
        ended.append(rebuild(scene, told=start_another))
    assert (len(ended), scene.is_right()) == (1, True)


def never_loaded(scene: Scene) -> Scene:
    folder = scene.folder.parent / f"{scene.folder.name}-other"
    folder.mkdir()
    return Scene(folder)


def test_a_table_that_was_never_loaded_is_not_rebuilt(scene: Scene) -> None:
    with pytest.raises(Conflict, match="was never loaded"):
        rebuild(never_loaded(scene))


def no_read(scene: Scene) -> Callable[[list[bytes]], object]:
    def read(keys: list[bytes]) -> None:
        raise AssertionError("HBase was read")

    return read


@pytest.mark.parametrize("held", [None, (("mon",),)], ids=["table", "partition"])
def test_a_hold_refuses_it_before_anything_is_read(scene: Scene, held: tuple[tuple[str], ...] | None) -> None:
    publish(Batch(scene.open(), Kind.HOLD), hold_steps(held))
    scene.ranges.on_block = no_read(scene)
    with pytest.raises(Held):
        rebuild(scene)
    scene.ranges.on_block = lambda keys: None
    publish(Batch(scene.open(), Kind.RESUME), resume_steps())
    assert rebuild(scene).rows == ROWS


def test_a_hold_that_came_while_it_read_refuses_it(scene: Scene) -> None:
    def hold(phase: str, done: int, of: int, rows: int) -> None:
        if phase == "publishing":
            publish(Batch(scene.open(), Kind.HOLD), hold_steps(None))

    before = live(scene)
    with pytest.raises(Held):
        rebuild(scene, told=hold)
    assert live(scene) == before


def test_more_live_partitions_than_one_call_takes_are_refused_before_anything_is_read(scene: Scene) -> None:
    scene.ranges.on_block = no_read(scene)
    with pytest.raises(TooLarge, match=r"all 4 partitions .* which takes 3 \(partitions_per_swap"):
        rebuild(scene, most=4)


def test_more_partitions_than_one_call_takes_are_refused_when_they_are_known(scene: Scene) -> None:
    remap(scene)
    before = live(scene)
    with pytest.raises(TooLarge, match=r"all 6 partitions .*\(4 of them live now\).* takes 5"):
        rebuild(scene, most=6)
    assert live(scene) == before
    assert rebuild(scene, most=7).rows == ROWS
    assert scene.is_right()


def test_many_rows_less_want_a_yes_and_then_it_goes_on(tmp_path: Path) -> None:
    scene = loaded(tmp_path, 2_000)
    for number in range(1_500):
        del scene.source.rows[f"k{number}".encode()]
    before = live(scene)
    with pytest.raises(NeedsConfirmation, match="would leave 500 of the 2000 rows") as refused:
        rebuild(scene)
    assert "--confirm-deletes" in refused.value.hint
    assert live(scene) == before
    scene.ranges.on_block = no_read(scene)
    assert rebuild(scene, replace(OTHER, max_delete_share=1.0)).rows == 500
    assert scene.is_right()


def test_too_many_rows_that_cannot_be_decoded_publish_nothing(scene: Scene) -> None:
    scene.ranges.bad = frozenset({b"k3", b"k500"})
    before = live(scene)
    with pytest.raises(TooManyRejected):
        rebuild(scene, replace(OTHER, max_rejected=1))
    assert live(scene) == before


def test_quarantine_is_what_this_reading_could_not_decode(scene: Scene) -> None:
    scene.source.bad = {b"k3", b"k4"}
    scene.source.put("k3", "mon", 3)
    scene.source.put("k4", "mon", 4)
    load(scene)
    scene.ranges.bad = frozenset({b"k4", b"k5"})
    rebuild(scene)
    env = scene.open()
    found = quarantined(env.files, env.layout, env.state.records().attempts)
    assert set(found) == {b"k4".hex(), b"k5".hex()}


def test_the_index_is_the_new_one_alone(scene: Scene) -> None:
    rebuild(scene)
    assert len(scene.open().state.records().state.index) == 1
    rebuild(scene, SAME, index=False)
    assert scene.open().state.records().state.index == ()


def test_another_hive_table_is_refused(scene: Scene) -> None:
    env = scene.open()
    keys = [(key.name, key.type) for key in env.partition_keys]
    check_same_table(env, COLUMNS, keys)
    for columns, wanted in [(COLUMNS[::-1], keys), (COLUMNS, [("day", "date")]), (COLUMNS[:1], keys)]:
        with pytest.raises(UnsuitableTable) as refused:
            check_same_table(env, columns, wanted)
        assert "another name and location" in refused.value.hint


def test_the_preview_says_what_is_replaced(scene: Scene) -> None:
    plan = preview_rebuild(scene.open(), OTHER, 4)
    assert (plan.regions, plan.partitions, plan.rows) == (4, 4, ROWS)
    assert plan.changes == ("how it was is not on record",)
    assert preview_rebuild(scene.open(), SAME, 4).changes == ()
    assert visible(scene.store) == expected(scene.source)
