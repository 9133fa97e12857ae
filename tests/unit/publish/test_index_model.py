"""The key index of a whole table against a dict: batches, rollbacks, merges by several loaders, cleans, restarts."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loader.basics.errors import HotswapError
from loader.ops.clean.clean import clean
from loader.ops.table import TableService
from loader.runtime.compactor import Compactor
from loader.state.key_index_files import KeyStore
from loader.state.open_table import Environment
from loader.storage.local import LocalFiles
from partitioner.changes.hashing import hashes_of
from partitioner.history.retention import Keep, RetentionRules
from tests.unit.publish.stage import Stage
from tests.world import expected

FAN = 3
RULES = RetentionRules(0, (Keep(0, 1_000_000),))
KEYS = [f"k{number}" for number in range(12)]
DAYS = ("mon", "tue", "wed")


def places(env: Environment, keys: list[str]) -> dict[str, str | None]:
    """By a loader that knows nothing but the files."""
    raw = pa.array([key.encode() for key in keys], pa.binary())
    found = KeyStore(LocalFiles(), env.layout).look_up(env.state.records().state.index, hashes_of(raw), raw)
    return dict(zip(keys, found.to_pylist(), strict=True))


def segments(env: Environment) -> set[str]:
    return set(KeyStore(LocalFiles(), env.layout).names())


@dataclass
class Loader:
    """One run: its merges are done when the test says so, as a thread's would be at any time."""

    env: Environment
    held: list[Callable[[], Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.compactor = Compactor(self.env, self._later)

    def _later(self, work: Callable[[], Any]) -> Callable[[], Any]:
        self.held.append(work)
        return work

    def let_go(self) -> None:
        while self.held:
            self.held.pop()()


class Model:
    """`truth` after each committed batch, by its number: what a rollback brings back."""

    def __init__(self, folder: Path) -> None:
        self.stage = Stage(folder)
        self.number = 0
        self.loaders = [self.started(), self.started()]

    def started(self) -> Loader:
        self.number += 1
        env = self.stage.open(f"run{self.number}")
        return Loader(replace(env, keystore=KeyStore(env.files, env.layout, FAN)))

    def batch(self, which: int, key: str, day: str | None) -> None:
        loader = self.loaders[which]
        self.stage.source.put(key, day, self.number) if day else self.stage.source.delete(key)
        self.stage.run(loader.env)
        loader.compactor.after_batch(loader.env.state.records().state.index)

    def batches(self, which: int, keys: list[str], day: str | None) -> None:
        for key in keys:
            self.batch(which, key, day)

    def let_go(self, which: int) -> None:
        self.loaders[which].let_go()

    def restart(self, which: int, done: bool) -> None:
        """`done`: the merge under way is stored, though nobody will name it in that run."""
        if done:
            self.loaders[which].let_go()
        self.loaders[which] = self.started()

    def clean(self, which: int) -> None:
        clean(self.loaders[which].env, RULES, fold_at_least=4)

    def back_and_on(self, which: int, steps: int) -> None:
        env = self.loaders[which].env
        verbs = TableService(env)
        with suppress(HotswapError):  # cleaned away already
            target = env.state.records().state.batch - steps
            verbs.rollback(verbs.preview_rollback(target, None))
            rows = self.stage.visible()
            assert places(env, KEYS) == {key: f"day={rows[key][0]}" if key in rows else None for key in KEYS}
            verbs.resume(verbs.preview_resume())
            self.stage.run(env)

    def check(self) -> None:
        rows, env = expected(self.stage.source), self.loaders[0].env
        assert self.stage.visible() == rows
        assert places(env, KEYS) == {key: f"day={rows[key][0]}" if key in rows else None for key in KEYS}


WHICH = st.sampled_from([0, 1])
KEY, DAY = st.sampled_from(KEYS), st.sampled_from([*DAYS, None])
STEPS = st.one_of(
    st.tuples(st.just("batches"), WHICH, st.lists(KEY, min_size=2, max_size=5), DAY),
    st.tuples(st.just("batch"), WHICH, KEY, DAY),
    st.tuples(st.just("let_go"), WHICH),
    st.tuples(st.just("restart"), WHICH, st.booleans()),
    st.tuples(st.just("clean"), WHICH),
    st.tuples(st.just("back_and_on"), WHICH, st.integers(1, 4)),
)


def run(steps: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = Model(Path(folder))
        for name, *arguments in steps:
            getattr(model, str(name))(*arguments)
            model.check()


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.lists(STEPS, min_size=8, max_size=20))
def test_the_index_says_where_each_key_lives_whatever_happened(steps: list[tuple[object, ...]]) -> None:
    run(steps)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, min_size=8, max_size=40))
def test_the_index_says_where_each_key_lives_over_thousands_of_steps(steps: list[tuple[object, ...]]) -> None:
    run(steps)


# ---- a loader that is started for each batch


class Cron:
    """`run --once` again and again: a run that merges is over before the next batch."""

    def __init__(self, folder: Path) -> None:
        self.stage, self.merged_bytes = Stage(folder), 0

    def run(self, number: int, cleaned: bool = False) -> Environment:
        env = self.stage.open(f"cron{number}")
        self.stage.source.put(f"k{number}", DAYS[number % 3], number)
        self.stage.run(env)
        before = segments(env)
        Compactor(env).after_batch(env.state.records().state.index)
        self.merged_bytes += sum(KeyStore(env.files, env.layout).size(name) for name in segments(env) - before)
        if cleaned:
            clean(env, RULES, fold_at_least=4)
        return env


@pytest.mark.parametrize("cleaned", [False, True], ids=["never cleaned", "cleaned each time"])
def test_a_loader_that_starts_takes_up_what_the_last_one_merged(tmp_path: Path, cleaned: bool) -> None:
    cron = Cron(tmp_path)
    for number in range(30):
        env = cron.run(number, cleaned)
        assert len(env.state.records().state.index) <= 2 * 8
    rows = expected(cron.stage.source)
    assert places(env, list(rows)) == {key: f"day={row[0]}" for key, row in rows.items()}
    written = sum(name.count("_") == 2 for name in segments(env))
    assert cleaned or written <= 30 / 7  # each merge is of eight segments at the least, and is taken up


def test_clean_deletes_merges_that_nobody_takes_up(tmp_path: Path) -> None:
    """Several loaders have merged the same: one merge stays for the next batch."""
    stage = Stage(tmp_path)
    for number in range(9):
        stage.source.put("k0", DAYS[number % 3], number)
        stage.run(stage.first)
    index = stage.first.state.records().state.index
    loaders = [stage.open(f"loader{number}") for number in range(3)]
    for env in loaders:
        Compactor(env).after_batch(index)
    assert len(segments(stage.first)) == len(index) + 3
    clean(stage.open("cleaner"), replace(RULES, grace_ms=10**15), fold_at_least=1000)
    left = segments(stage.first)
    assert len(left) == len(index) + 1
    for env in loaders:  # two of them find theirs gone
        stage.source.put("k1", "fri", 100 + loaders.index(env))
        stage.run(env)
        assert set(env.state.records().state.index) <= segments(env)
    [merged] = left - set(index)
    assert merged in stage.first.state.records().state.index


# ---- a cleaner that sleeps


class Sleepy(LocalFiles):
    """Sleeps before it deletes a segment."""

    asleep: list[Callable[[str], None]] = []  # noqa: RUF012 - set by the test

    def delete_file(self, path: str) -> None:
        if "/state/index/" in path and self.asleep:
            self.asleep.pop()(path)
        LocalFiles.delete_file(self, path)


def test_a_cleaner_that_wakes_up_deletes_no_segment_that_was_named_meanwhile(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    for number in range(9):
        stage.source.put("k0", DAYS[number % 3], number)
        stage.run(stage.first)
    index = stage.first.state.records().state.index
    loaders = [stage.open("one"), stage.open("two")]
    for env in loaders:
        Compactor(env).after_batch(index)

    def meanwhile(path: str) -> None:
        """The loader that has merged it would name it now."""
        stage.later()
        [env] = [env for env in loaders if env.compacted.ready and path.endswith(env.compacted.ready.merged)]
        stage.source.put("k1", "fri", 100)
        stage.run(env)

    sleepy = Sleepy(fsync=lambda handle: None)
    Sleepy.asleep.append(meanwhile)
    cleaner = replace(stage.open("cleaner"), files=sleepy)
    with suppress(HotswapError):
        clean(cleaner, replace(RULES, grace_ms=10**15), fold_at_least=1000)
    assert not Sleepy.asleep, "the cleaner had nothing to delete"
    assert set(stage.first.state.records().state.index) <= segments(stage.first)
    rows = stage.expected()
    assert places(stage.first, list(rows)) == {key: f"day={row[0]}" for key, row in rows.items()}
