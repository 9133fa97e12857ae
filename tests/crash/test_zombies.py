"""Zombie tasks: a task that goes on after its attempt has ended, or beside a copy of itself, adds nothing."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loader.datafiles.in_process import LocalRewriter
from loader.datafiles.split_file import Rewriter, Tools
from loader.storage.effects import Tap
from loader.storage.local import LocalFiles
from partitioner.changes.change_set import ChangeSet
from partitioner.planning.batch_plan import BatchPlan, SplitResult
from tests.crash.frozen import StopBefore, error_of, frozen
from tests.crash.scenario import after, loaded
from tests.crash.served import in_child, serve
from tests.crash.world import Rows, World, problems_with
from tests.world import COLUMNS, TABLE, expected, raw_keys, run_batch


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serve() as served:
        world = World(served, f"file://{tmp_path}/clicks", LocalFiles(fsync=lambda handle: None))
        in_child(lambda: loaded(world))
        yield world


@dataclass
class Remembering:
    """A rewriter that remembers what it was asked for."""

    inner: Rewriter
    asked: list[tuple[BatchPlan, ChangeSet]] = field(default_factory=list)

    def rewrite(self, plan: BatchPlan, changes: ChangeSet) -> tuple[SplitResult, ...]:
        self.asked.append((plan, changes))
        return self.inner.rewrite(plan, changes)


def asked_of(world: World, tap: Tap | None = None) -> list[tuple[BatchPlan, ChangeSet]]:
    """A second batch; what its tasks were given. Whether it ends well is the tap's affair."""
    seen: list[Remembering] = []

    def remembering(inner: Rewriter) -> Rewriter:
        seen.append(Remembering(inner))
        return seen[0]

    error_of(lambda: run_batch(world.open("second", tap), after(), rewriter=remembering))
    return seen[0].asked


def zombie(world: World, asked: tuple[BatchPlan, ChangeSet], tap: Tap | None = None) -> str | None:
    """The same tasks once more, as a speculative copy or a thawed executor runs them."""
    env = world.open("zombie", tap)
    tools = Tools(env.files, raw_keys, COLUMNS, "parquet")
    mine = f"{env.layout.temporary(asked[0].attempt)}/{os.getpid()}"  # as each run of a Spark task has names of its own
    return error_of(lambda: LocalRewriter(tools, lambda attempt: mine).rewrite(*asked))


def data_below(world: World) -> list[str]:
    """Every file in a version's folder."""
    folder = Path(world.location.removeprefix("file://")) / "_hotswap" / "versions"
    return sorted(str(path) for path in folder.rglob("*") if path.is_file())


def test_a_task_that_goes_on_after_its_attempt_was_committed_adds_nothing(world: World) -> None:
    def story() -> tuple[Rows, list[str], list[str]]:
        (asked,) = asked_of(world)
        files = data_below(world)
        zombie(world, asked)
        return world.visible(), files, data_below(world)

    rows, files, later = in_child(story)
    assert rows == expected(after())
    assert files == later


@dataclass
class RefusedAt:
    """A disk that refuses one kind of effect, once."""

    name: str
    done: bool = False

    def before(self, effect: str) -> None:
        if effect == self.name and not self.done:
            self.done = True
            raise OSError(28, "No space left on device")

    def after(self, effect: str) -> None:
        pass


@pytest.mark.parametrize("effect", ["commit", "sync"])
def test_a_task_that_goes_on_after_its_attempt_was_aborted_adds_nothing_that_is_read(world: World, effect: str) -> None:
    def story() -> tuple[Rows, str | None, list[str]]:
        (asked,) = asked_of(world, RefusedAt(effect))
        ended = zombie(world, asked)
        env = world.open("next")
        run_batch(env, after())
        live = {partition.location for partition in world.served.connect().all_partitions(TABLE)}
        mine = [file for file in data_below(world) if str(asked[0].attempt) in file and "-empty" not in file]
        return (
            world.visible(),
            ended,
            [*problems_with(env, after()), *[f for f in mine if Path(f).parent.as_uri() in live]],
        )

    rows, ended, problems = in_child(story)
    assert rows == expected(after())
    assert not problems
    assert ended is not None  # its folder is gone, and it does not make it anew


def test_a_frozen_task_whose_twin_has_finished_wakes_to_nothing(world: World) -> None:
    """Two copies of one attempt's tasks in two processes: what the first has put under a final name stays."""
    (asked,) = in_child(lambda: asked_of(world, RefusedAt("new_file")))
    for partition in asked[0].partitions:
        world.files.make_dirs(partition.location)
    with frozen(lambda: zombie(world, asked, StopBefore("commit"))) as sleeper:
        before = data_below(world)
        assert in_child(lambda: zombie(world, asked)) is None
        files = {path: Path(path).stat().st_ino for path in data_below(world)}
        assert set(files) > set(before)
        assert sleeper.thaw() is None
    assert {path: Path(path).stat().st_ino for path in data_below(world)} == files
