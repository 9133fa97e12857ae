"""Which definition rules after a rebuild, and after a rollback past it."""

from dataclasses import replace
from pathlib import Path

import pytest

from loader.basics.errors import ConfigError
from loader.ops.bootstrap.rebuild import Rebuild
from loader.ops.rollback.rollback import preview_rollback, rollback_now
from loader.state.definitions import current, store
from tests.unit.bootstrap.scene import AFTER, BEFORE, Scene
from tests.world import run_batch, visible


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Loaded by a program whose manifests tell of no definition."""
    made = Scene(tmp_path, rows=60)
    made.source.dirty |= made.source.rows.keys()
    run_batch(made.open(), made.source)
    return made


def test_rows_of_manifests_that_never_said_are_of_what_was_recorded_first(scene: Scene) -> None:
    """Or the rebuild's definition would rule over rows that it has not made."""
    store(scene.open(), BEFORE, initial=True)
    before = visible(scene.store)
    store(scene.open(), AFTER)
    scene.bootstrap(way=Rebuild(AFTER))
    assert current(scene.open()) == AFTER.definition
    plan = preview_rollback(scene.open(), 1, None)
    assert plan.definition == ("where: clicks > 0 → nothing",)
    rollback_now(scene.open(), 1, None)
    assert (current(scene.open()), visible(scene.store)) == (BEFORE.definition, before)


def test_a_table_that_has_not_said_what_made_it_is_not_rebuilt(scene: Scene) -> None:
    scene.ranges.on_block = lambda keys: pytest.fail("HBase was read")
    with pytest.raises(ConfigError, match="is not on record yet") as caught:
        scene.bootstrap(way=Rebuild(AFTER))
    assert "--once` with the configuration that made them" in caught.value.hint


def test_a_rollback_within_one_definition_says_nothing_of_it(scene: Scene) -> None:
    store(scene.open(), BEFORE, initial=True)
    scene.source.put("k7", "fri", 1)
    run_batch(replace(scene.open(), definition=BEFORE.definition), scene.source)
    assert preview_rollback(scene.open(), 1, None).definition == ()
