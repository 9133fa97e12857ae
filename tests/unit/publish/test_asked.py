"""A key that was asked for is read again by a batch that commits: never lost, never done twice."""

from pathlib import Path

import pytest

from loader.basics.errors import HotswapError, NeedsConfirmation
from loader.state import rereads
from loader.state.open_table import Environment
from metastore.errors import Refused
from partitioner.history.settling import Outcome
from tests.unit.publish.stage import Stage
from tests.world import run_batch


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def ask(env: Environment, *keys: str, reason: str = "reconcile", urgent: bool = False, confirmed: bool = False) -> None:
    asker = rereads.Asker(reason, env.identity.run, env.clock, urgent, confirmed)
    rereads.ask(env.files, env.layout, [key.encode() for key in keys], asker)


def waiting(env: Environment) -> tuple[rereads.Ask, ...]:
    return rereads.open_asks(env.files, env.layout, env.state.records().state.answered)


def changed_behind_the_window(stage: Stage) -> None:
    """What no scan tells of: a row changed, one came, one went."""
    stage.source.put("k0", "tue", 77)
    stage.source.put("unseen", "wed", 78)
    stage.source.delete("k5")
    stage.source.dirty.clear()


def test_asked_keys_are_read_again_though_no_window_tells_of_them(stage: Stage) -> None:
    env = stage.open("asks")
    changed_behind_the_window(stage)
    ask(env, "k0", "unseen", "k5")
    stage.run(env)
    assert stage.visible() == stage.expected()


def test_what_was_answered_makes_no_further_batch(stage: Stage) -> None:
    env = stage.open("asks")
    ask(env, "k0")
    stage.run(env)
    assert stage.run(env).idle
    assert waiting(env) == ()


def test_an_ask_stays_open_when_its_batch_does_not_commit(stage: Stage) -> None:
    def strike(number: int, name: str, arguments: tuple[object, ...]) -> None:
        if name == "alter_partitions":
            raise Refused("no")

    env, _ = stage.watched("struck", strike)
    changed_behind_the_window(stage)
    ask(env, "k0", "unseen", "k5")
    with pytest.raises(HotswapError):
        stage.run(env)
    assert [found.keys for found in waiting(env)] == [3]
    stage.later()
    stage.run(stage.open("next"))
    assert stage.visible() == stage.expected()


def test_an_answered_ask_whose_object_is_still_there_is_not_taken_again(stage: Stage) -> None:
    env = stage.open("asks")
    ask(env, "k0")
    (found,) = waiting(env)
    answered = stage.run(env)
    assert answered.carried.answered == (found.name,)
    assert env.files.exists(f"{env.layout.asked}/{found.name}")  # deleted by the next batch that works
    stage.change()
    assert stage.run(stage.open("next")).carried.answered == ()
    assert not env.files.exists(f"{env.layout.asked}/{found.name}")


def test_a_checkpoint_remembers_what_was_answered_as_long_as_its_object_is_there(stage: Stage) -> None:
    env = stage.open("asks")
    ask(env, "k0")
    name = stage.run(env).carried.answered
    env.state.store_checkpoint(())
    assert stage.open("fresh").state.latest().state.answered == name
    stage.change()
    stage.run(env)
    env.state.store_checkpoint(())
    assert stage.open("later").state.latest().state.answered == ()


def test_a_row_that_reads_as_it_was_published_is_written_again_when_asked_for(stage: Stage) -> None:
    stage.source.put("k0", "mon", 5)
    stage.run()
    stage.source.dirty.add(b"k0")
    assert stage.run().idle
    env = stage.open("asks")
    ask(env, "k0")
    assert stage.run(env).counts.upserts == 1


def test_a_batch_takes_whole_asks_urgent_ones_first_and_leaves_the_rest(stage: Stage) -> None:
    env = stage.open("asks")
    ask(env, "a", "b", reason="reconcile")
    ask(env, "c", "d", reason="reconcile")
    ask(env, "e", reason="quarantine", urgent=True)
    taken = rereads.of_one_batch(waiting(env), most=4)
    assert [(found.reason, found.keys) for found in taken] == [("quarantine", 1), ("reconcile", 2)]


def test_an_ask_larger_than_a_batch_is_taken_alone(stage: Stage) -> None:
    env = stage.open("asks")
    ask(env, "a", "b", "c")
    ask(env, "d")
    assert [found.keys for found in rereads.of_one_batch(waiting(env), most=2)] == [3]


def many_gone(stage: Stage) -> list[str]:
    keys = [f"m{number}" for number in range(1_100)]
    for key in keys:
        stage.source.put(key, "mon", 1)
    run_batch(stage.open("many"), stage.source, rows_per_file=5_000)
    for key in keys:
        stage.source.delete(key)
    stage.source.dirty.clear()
    return keys


def test_many_deletes_that_were_asked_for_need_a_persons_yes(stage: Stage) -> None:
    keys = many_gone(stage)
    env = stage.open("asks")
    ask(env, *keys)
    with pytest.raises(NeedsConfirmation):
        run_batch(env, stage.source, rows_per_file=5_000, max_delete_share=0.5)
    assert len(waiting(env)) == 1


def test_confirmed_deletes_are_published(stage: Stage) -> None:
    keys = many_gone(stage)
    env = stage.open("asks")
    ask(env, *keys, confirmed=True)
    assert run_batch(env, stage.source, rows_per_file=5_000, max_delete_share=0.5).outcome is Outcome.COMMITTED
    assert stage.visible() == stage.expected()
