"""A table of format 1 goes on in mid-stream: rows, key index, quarantine, position and old batches are all there."""

import json
from pathlib import Path

import pytest

from loader.basics.errors import HotswapError, from_foreign
from loader.ops.clean.clean import clean
from loader.ops.rollback.rollback import rollback_now
from loader.ops.rollback.steps import resume_steps
from loader.publish.batch import Batch
from loader.publish.publish import publish
from loader.state.open_table import Environment
from loader.state.quarantine import quarantined
from partitioner.history.kinds import Kind
from partitioner.history.retention import RetentionRules
from tests.format_1 import Old, unpack
from tests.world import expected, open_world, run_batch, visible

AT_BATCH_2 = {"k01": ("wed", 100), "new": ("mon", 1), "k05": ("mon", 5), "k07": ("mon", 7)}


@pytest.fixture
def old(tmp_path: Path) -> Old:
    return unpack(tmp_path)


def open_again(old: Old, number: int) -> Environment:
    return open_world(old.store, old.place, f"later{number}", clock=2_000_000 + number * 10_000)


def test_it_reads_as_it_was(old: Old) -> None:
    env = open_again(old, 1)
    records = env.state.records()
    assert visible(old.store) == old.rows
    assert [attempt.intent.batch for attempt in records.attempts if attempt.committed] == [1, 2, 3, 4]
    assert env.state.latest().state == records.state
    assert {bytes.fromhex(key) for key in quarantined(env.files, env.layout, records.attempts)} == {b"k03"}
    assert {file.by for version in records.state.live.values() for file in version.files} == {""}


def test_it_goes_on_from_its_quiet_position(old: Old) -> None:
    position = open_again(old, 1).state.position()
    assert position is not None
    assert (position.source, position.read_ms, position.number) == ("dict", old.source.clock, 0)


def test_the_next_batch_is_the_fifth_and_in_format_2(old: Old) -> None:
    old.source.put("k01", "mon", 5)
    old.source.put("k03", "mon", 33)
    old.source.delete("k09")
    run_batch(open_again(old, 1), old.source)
    env = open_again(old, 2)
    records = env.state.records()
    last = records.attempts[-1]
    assert visible(old.store) == expected(old.source)
    assert quarantined(env.files, env.layout, records.attempts) == {}
    assert last.manifest is not None
    assert (last.intent.batch, json.loads(env.files.read(env.layout.manifest(5)))["format"]) == (5, 2)
    assert last.manifest.position is not None
    assert last.manifest.position.order == (5, 1)
    assert env.state.position() == last.manifest.position
    by = {file.by for move in last.manifest.moves for file in move.new.files}
    assert by <= {"", last.intent.attempt}
    assert last.intent.attempt in by


def test_it_can_be_rolled_back_to_a_batch_of_then_and_catches_up(old: Old) -> None:
    old.source.put("k20", "wed", 20)
    run_batch(open_again(old, 1), old.source)
    rollback_now(open_again(old, 2), 2, None)
    seen = visible(old.store)
    assert {key: seen.get(key) for key in AT_BATCH_2} == AT_BATCH_2
    assert "k02" not in seen
    publish(Batch(open_again(old, 3), Kind.RESUME), resume_steps())
    old.source.put("k03", "mon", 33)
    run_batch(open_again(old, 4), old.source)
    assert visible(old.store) == expected(old.source)


def test_a_clean_folds_format_1_into_format_2(old: Old) -> None:
    old.source.put("k03", "mon", 33)
    for number in range(3):
        old.source.put("k20", "wed", number)
        old.source.low = old.source.clock + 2
        run_batch(open_again(old, number), old.source)
    env = open_again(old, 9)
    clean(env, RetentionRules(0, ()), fold_at_least=1)
    assert env.files.exists(env.layout.folded_to(6))
    old.source.put("k21", "wed", 1)
    run_batch(open_again(old, 10), old.source)
    assert visible(old.store) == expected(old.source)


@pytest.mark.parametrize("change", [{"format": 3}, {"needs": ["what comes later"]}], ids=["format", "needs"])
def test_what_a_newer_program_wrote_is_refused_and_nothing_is_written(old: Old, change: dict[str, object]) -> None:
    old.source.put("k20", "wed", 20)
    run_batch(open_again(old, 1), old.source)
    manifest = Path(open_again(old, 2).layout.manifest(5).removeprefix("file://"))
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    before = sorted((path, path.stat().st_mtime_ns) for path in old.place.rglob("*"))
    old.source.put("k21", "wed", 21)
    for act in (
        lambda: run_batch(open_again(old, 3), old.source),
        lambda: rollback_now(open_again(old, 4), 2, None),
        lambda: clean(open_again(old, 5), RetentionRules(0, ()), fold_at_least=1),
    ):
        with pytest.raises((ValueError, HotswapError)) as caught:
            act()
        told = from_foreign(caught.value)
        assert "Upgrade hotswap" in (told.hint if told else str(caught.value))
    assert sorted((path, path.stat().st_mtime_ns) for path in old.place.rglob("*")) == before
