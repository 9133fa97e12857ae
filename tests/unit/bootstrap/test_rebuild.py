"""A loaded table made anew: all rows by one swap, what is gone with it, and back again by a rollback."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loader.basics.errors import Conflict, ForeignChange, Held, NeedsConfirmation, TooLarge
from loader.datafiles.split_file import Tools
from loader.ops.bootstrap.rebuild import Rebuild, RebuildRules
from loader.ops.bootstrap.run import BootstrapRules, Loaded
from loader.ops.hold import hold
from loader.ops.rollback.rollback import rollback_now
from loader.ops.rollback.steps import resume_steps
from loader.publish.batch import Batch
from loader.publish.publish import publish
from loader.state.definitions import Described, current, store
from loader.state.quarantine import quarantined
from partitioner.history.kinds import Kind
from partitioner.planning.sizing import SizingRules
from tests.unit.bootstrap.test_bootstrap import Scene
from tests.unit.reconcile.build import PlainMapping
from tests.world import COLUMNS, expected, raw_keys, run_batch, visible

OLD, NEW = Described("a" * 32, 1, {"where": "old"}), Described("b" * 32, 2, {"where": "new"})


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """2,000 rows of three days, loaded under OLD, and then one batch."""
    made = Scene(tmp_path)
    env = made.open()
    store(env, OLD, initial=True)
    for key in made.source.rows:
        made.source.dirty.add(key)
    run_batch(under(made, OLD), made.source, rows_per_file=300)
    return made


def under(scene: Scene, described: Described) -> Any:
    return replace(scene.open(), definition=described.definition)


def rebuild(scene: Scene, described: Described = NEW, **rules: Any) -> Loaded:
    env = under(scene, described)
    sizes = BootstrapRules(SizingRules(bytes_per_file=2_048), threads=1, part_rows=300)
    tools = Tools(env.files, raw_keys, COLUMNS, "parquet")
    made = Rebuild(env, scene.ranges, PlainMapping(), tools, sizes, "dict", lambda start, end: ())
    made.described, made.replaces = described, RebuildRules(**rules)
    return made.run()


def move_everything(scene: Scene) -> None:
    """As another expression would: no row of wed is there any more, some are in a partition that is new."""
    for key, (day, clicks) in list(scene.source.rows.items()):
        scene.source.rows[key] = ({"wed": "new"}.get(day, day), clicks + 1)


def test_all_rows_are_made_anew_by_one_swap(scene: Scene) -> None:
    move_everything(scene)
    loaded = rebuild(scene)
    assert loaded.rows == 2_000
    assert visible(scene.store) == expected(scene.source)
    records = scene.open().state.records()
    last = records.attempts[-1].manifest
    assert last is not None
    assert (last.kind, records.state.definition) == (Kind.REBUILD, NEW.definition)
    assert {move.partition: move.new.rows for move in last.moves}[("wed",)] == 0
    assert {file.by for move in last.moves for file in move.new.files} == {last.attempt}


def test_the_next_batch_goes_on_from_it(scene: Scene) -> None:
    move_everything(scene)
    rebuild(scene)
    scene.source.put("k7", "fri", -7)
    scene.source.delete("k8")
    scene.source.put("k2", "wed", 5)
    run_batch(under(scene, NEW), scene.source)
    assert visible(scene.store) == expected(scene.source)


def test_a_loader_that_began_before_it_publishes_nothing_more(scene: Scene) -> None:
    running = under(scene, OLD)
    run_batch(running, scene.source)
    rebuild(scene)
    before = visible(scene.store)
    scene.source.put("k7", "fri", -7)
    with pytest.raises(ForeignChange, match="made by another configuration since this loader began"):
        run_batch(running, scene.source)
    assert visible(scene.store) == before


def test_a_rollback_takes_it_back_and_the_old_definition_with_it(scene: Scene) -> None:
    before = visible(scene.store)
    move_everything(scene)
    rebuild(scene)
    rollback_now(scene.open(), 1, None)
    assert visible(scene.store) == before
    assert current(scene.open()) == OLD.definition
    publish(Batch(scene.open(), Kind.RESUME), resume_steps())
    scene.source.put("k7", "fri", -7)
    with pytest.raises(ForeignChange):
        run_batch(under(scene, NEW), scene.source)


def test_rows_in_quarantine_are_read_anew_too(scene: Scene) -> None:
    scene.source.bad.add(b"k5")
    scene.source.put("k5", "tue", 55)
    run_batch(under(scene, OLD), scene.source)
    env = scene.open()
    assert quarantined(env.files, env.layout, env.state.records().attempts)
    scene.source.bad.clear()
    rebuild(scene)
    env = scene.open()
    assert quarantined(env.files, env.layout, env.state.records().attempts) == {}
    assert visible(scene.store) == expected(scene.source)


def test_what_was_killed_goes_on_only_under_the_same_definition(scene: Scene) -> None:
    move_everything(scene)
    rows, scene.source.rows = scene.source.rows, dict(list(scene.source.rows.items())[:10])
    with pytest.raises(NeedsConfirmation):
        rebuild(scene, max_delete_share=0.1)
    scene.source.rows = rows
    rebuild(scene, Described("c" * 32, 2, {"where": "other"}))
    assert visible(scene.store) == expected(scene.source)


def test_too_many_rows_gone_wants_a_yes_and_nothing_is_published(scene: Scene) -> None:
    before = visible(scene.store)
    scene.source.rows = dict(list(scene.source.rows.items())[:10])
    with pytest.raises(NeedsConfirmation, match="has 2000 rows, and the rebuilt one would have 10"):
        rebuild(scene, max_delete_share=0.1)
    assert visible(scene.store) == before
    assert rebuild(scene, max_delete_share=1.0).rows == 10
    assert visible(scene.store) == expected(scene.source)


def test_more_partitions_than_one_call_takes_are_refused_before_anything_is_read(scene: Scene) -> None:
    scene.ranges.source = None  # type: ignore[assignment] - whoever reads it fails
    with pytest.raises(TooLarge, match="3 partitions of"):
        rebuild(scene, most=2)


def test_a_table_that_is_held_or_was_never_loaded_is_refused(scene: Scene, tmp_path: Path) -> None:
    hold(scene.open(), ["day=mon"])
    with pytest.raises(Held, match="at least in part"):
        rebuild(scene)
    (tmp_path / "bare").mkdir()
    bare = Scene(tmp_path / "bare")
    with pytest.raises(Conflict, match="is published yet"):
        rebuild(bare)
