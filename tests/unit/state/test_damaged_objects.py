"""Whatever happens to a state object: a typed error that names a file, or nothing; never a hang, never a file lost."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from signal import ITIMER_REAL, SIGALRM, setitimer, signal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from loader.basics.errors import HotswapError, from_foreign
from loader.ops.clean.clean import clean, preview_clean
from loader.ops.evolve import behind
from loader.ops.reconcile.store import Store
from loader.ops.reconcile.values import Begun
from loader.ops.table import TableService
from loader.ops.verify.partitions import snapshot, verify_table
from loader.sources.hbase.absence import Retention
from loader.sources.hbase.blind_spots import Blindspots
from loader.state import rereads
from loader.state.change_sets import load_change_set
from loader.state.claim import Claim, check_claim
from loader.state.condemned import condemned_locations
from loader.state.gaps import debts
from loader.state.key_index_files import KeyStore
from loader.state.names import check_formats
from loader.state.open_table import Environment
from loader.state.quarantine import quarantined
from metastore.memory import InMemoryMetastore
from partitioner.history.retention import Keep, RetentionRules
from tests.unit.state.damage import DAMAGES, HARMLESS, full_table, objects
from tests.world import Source, open_world, visible

DAY = 86_400_000
RULES = RetentionRules(grace_ms=1, history=(Keep(0, 1),))
HANGS_AFTER_S = 60.0
SAMPLE = 5
"""One of so many objects is damaged in each way."""


@dataclass
class Table:
    folder: Path
    metastore: InMemoryMetastore
    source: Source
    runs: int = 0

    def env(self, days: int = 0) -> Environment:
        self.runs += 1
        return open_world(self.metastore, self.folder, f"r{self.runs}", clock=2_000_000 + self.runs * 1000 + days * DAY)


def _claim(env: Environment) -> None:
    check_formats(env.files, env.layout)
    if env.files.exists(env.layout.claim):
        check_claim(env.files, env.layout, Claim("ads.clicks", 0, None))


def _asks(env: Environment) -> Any:
    found = rereads.open_asks(env.files, env.layout, env.state.latest().state.answered)
    return [ask.name for ask in found], rereads.load(env.files, env.layout, found).keys.to_pylist()


def _comparison(env: Environment) -> Any:
    store = Store(env.files, env.layout)
    begun = store.unfinished() or Begun(2, 9, "digest", ())
    return store.last(), begun, [list(store.pieces(begun, at)) for at in (0, 1)], store.unconfirmed(begun)


def _change_sets(env: Environment) -> Any:
    attempts = [attempt.intent.attempt for attempt in env.state.records().attempts if attempt.folded is None]
    return [load_change_set(env.files, env.layout, attempt).partitions for attempt in attempts]


def _index(env: Environment) -> Any:
    store, keys = KeyStore(env.files, env.layout), pa.array([b"a", b"k0", b"none"], pa.binary())
    hashes = np.array([0xE8B7BE43, 0x3D1E9F1A, 1], np.uint32)
    return store.look_up(env.state.records().state.index, hashes, keys).to_pylist()


def _sightings(env: Environment) -> Any:
    return Blindspots(env.files, env.layout, "dict", 1, lambda: (None, Retention(None, None)), env.clock)._stored()


def _quarantine(env: Environment) -> Any:
    return quarantined(env.files, env.layout, env.state.records().attempts)


READERS: dict[str, Callable[[Environment], Any]] = {
    "claim": _claim,
    "records": lambda env: env.state.records(),
    "latest": lambda env: env.state.latest(),
    "position": lambda env: env.state.position(),
    "folded": lambda env: env.state.settled_since_checkpoint(),
    "quarantine": _quarantine,
    "gaps": lambda env: debts(env.files, env.layout),
    "asks": _asks,
    "condemned": lambda env: condemned_locations(env.files, env.layout),
    "comparison": _comparison,
    "evolutions": lambda env: behind(env.files, env.layout, env.state.latest().state),
    "sightings": _sightings,
    "change sets": _change_sets,
    "index": _index,
    "status": lambda env: TableService(env).status(),
    "verify": lambda env: [f for f in verify_table(env, snapshot(env)) if f.check != "state"],
}
"""All that reads state objects, and changes nothing."""


@contextmanager
def deadline(what: str) -> Iterator[None]:
    def late(number: int, frame: object) -> None:
        raise AssertionError(f"{what} hangs")

    before = signal(SIGALRM, late)
    setitimer(ITIMER_REAL, HANGS_AFTER_S)
    try:
        yield
    finally:
        setitimer(ITIMER_REAL, 0)
        signal(SIGALRM, before)


def told(name: str, work: Callable[[], Any]) -> tuple[Any, HotswapError | None]:
    """What `work` gave, or the error as the user is told of it. A bug of ours fails."""
    with deadline(name):
        try:
            return work(), None
        except Exception as error:
            found = from_foreign(error)
            if found is None:
                raise AssertionError(f"{name}: this is a bug: {error!r}") from error
            return None, found


def answers(table: Table) -> dict[str, Any]:
    """What every reader says, but for times of now."""
    found = {}
    for name, read in READERS.items():
        value, error = told(name, lambda read=read: read(table.env()))  # type: ignore[misc]
        found[name] = error.message if error else value
    found.pop("status")
    return found


@pytest.fixture(scope="module", params=["log", "folded"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Not to be changed: copied for each trial."""
    folder = tmp_path_factory.mktemp("whole") / "table"
    metastore, source = full_table(folder, folded=request.param == "folded")
    return Table(folder, metastore, source)


@contextmanager
def trial(whole: Table) -> Iterator[Table]:
    """The table, and beside it what nobody may touch; put back afterwards as it was."""
    kept = whole.folder.with_name("kept-table")
    shutil.copytree(whole.folder, kept, symlinks=True)
    outside = whole.folder.with_name("outside")
    outside.mkdir()
    (outside / "precious").write_text("x")
    try:
        yield whole
        assert (outside / "precious").read_text() == "x"
    finally:
        shutil.rmtree(outside)
        shutil.rmtree(whole.folder)
        kept.rename(whole.folder)
        whole.folder.with_name("kept").unlink(missing_ok=True)


def damage_and_look(whole: Table, kind: str, at: int, seed: int) -> None:
    with trial(whole) as table:
        chosen = objects(table.folder)
        path = chosen[at % len(chosen)]
        before = answers(table) if kind in HARMLESS else {}
        DAMAGES[kind](path, Random(seed))
        where = f"{kind} (seed {seed}) of {path.relative_to(table.folder)}"
        after = answers(table)
        for name, answer in after.items():
            assert not isinstance(answer, str) or str(path.parents[1]) in answer, (where, name, answer)
        if kind in HARMLESS:
            assert after == before, where
        live = {partition.location for partition in table.metastore.all_partitions(table.env().table)}
        for action in (preview_clean, clean):
            told(f"{where}: {action.__name__}", lambda action=action: action(table.env(days=30), RULES))  # type: ignore[misc]
        assert all(Path(place.removeprefix("file://")).exists() for place in live), where
        assert visible(table.metastore), where


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_object_is_told_of_by_name_or_changes_nothing(whole: Table, kind: str) -> None:
    """One seeded trial of each kind on some of the objects."""
    first = list(DAMAGES).index(kind) % SAMPLE
    for at in range(first, len(objects(whole.folder)), SAMPLE):
        damage_and_look(whole, kind, at, seed=at)


@pytest.mark.slow
@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_of_every_object_in_many_ways(whole: Table, kind: str) -> None:
    for at, seed in product(range(len(objects(whole.folder))), range(100, 106)):
        damage_and_look(whole, kind, at, seed)
