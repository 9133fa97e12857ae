"""Every way in which one state object can be damaged, and a table that has one of each kind."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from random import Random
from types import MappingProxyType

import pyarrow as pa

from loader.ops.evolve import Evolution
from loader.ops.reconcile.store import Store
from loader.ops.reconcile.values import Done, Drift, DriftKind, Piece, Range
from loader.sources.hbase.table_identity import Sighting
from loader.state import rereads
from loader.state.condemned import condemn
from loader.state.gaps import Debt, owe
from loader.state.keys_aside import put_aside
from loader.state.objects import create_object
from loader.state.quarantine import quarantined
from loader.storage.files import join
from metastore.memory import InMemoryMetastore
from partitioner.history.position import Position
from partitioner.values import AttemptId
from tests.world import Source, create_table, open_world, run_batch

OTHERS = (None, -1, 1.5, "", "x", "../../outside", "a/b", "..", [], {}, [[]], True, 1 << 70, "é", 0, 7)
DEEP = "[" * 100_000 + "]" * 100_000


def full_table(folder: Path, folded: bool = False) -> tuple[InMemoryMetastore, Source]:
    """A loaded table in `folder` with an object of every kind in its state folder. `folded`: most of its log."""
    metastore, source = InMemoryMetastore(), Source()
    create_table(metastore, folder)
    for number in range(3):
        source.put("a", "mon", number)
        source.put(f"k{number}", "tue", number)
        source.bad = {b"bad"} if number == 1 else set()
        if number == 1:
            source.put("bad", "mon", 1)
        run_batch(open_world(metastore, folder, f"run{number}", clock=1_000_000 + number * 10_000), source)
    source.bad = {b"bad"}
    env = open_world(metastore, folder, "later", clock=1_050_000)
    env.state.records()
    if folded:
        attempts = env.state.records().attempts
        env.state.fold(attempts[1], quarantined(env.files, env.layout, attempts[:2]))
        env.state.records()
    env.state.store_checkpoint(["626164"])
    put_aside(env, AttemptId("b0000000003-0000001020000-run2"), pa.array([b"a"]), "rest")
    env.state.store_position(Position("dict", 2, 3, 0))
    rereads.ask(env.files, env.layout, [b"a"], rereads.Asker("retry", "later", env.clock))
    owe(env.files, env.layout, Debt("what", "why", "dict", 5, 0, 5))
    store = Store(env.files, env.layout)
    begun = store.begin(7, "digest", (Range(b"", b""),))
    store.finish(Done(begun.number, 7, 8, "digest", 1, 1, 0, {}, 0, True, (), ("clicks",)))
    begun = store.begin(9, "digest", (Range(b"", b"k"), Range(b"k", b"")))
    store.put(begun, 0, 0, Piece(b"b", 9, 1, 1, 0, (Drift(b"a", DriftKind.EXTRA, "day=mon"),), ()))
    store.wait_for_a_yes(begun, 3)
    evolution = Evolution(1, "digest", ("x",))
    create_object(env.files, join(env.layout.evolutions, "0000000001.json"), asdict(evolution))
    create_object(env.files, join(env.layout.sightings, f"{2:015d}-{3:015d}.json"), asdict(Sighting(1, 2, 3)))
    condemn(env.files, env.layout, "000000000000001-run", ["file:///nowhere/x"])
    condemn(env.files, env.layout, "000000000000002-run-segments", [env.layout.index_segment("gone.arrow")])
    create_object(env.files, env.layout.state_claim, {"table": "ads.clicks", "create_time": 0, "metastore": None})
    return metastore, source


def objects(folder: Path) -> list[Path]:
    """Every object of the state folder."""
    return sorted(path for path in (folder / "_hotswap" / "state").rglob("*") if path.is_file())


def _cut(path: Path, chance: Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: chance.randrange(len(data))])


def _flip(path: Path, chance: Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(bytes(data))


def _writes(*texts: str) -> Callable[[Path, Random], None]:
    def write(path: Path, chance: Random) -> None:
        path.write_text(chance.choice(texts))

    return write


def _value(path: Path, chance: Random) -> None:
    """One value of the JSON is of another type, or leads elsewhere."""
    try:
        plain = json.loads(path.read_bytes())
    except ValueError:
        return _flip(path, chance)
    places = list(_places(plain))
    if not places:
        return _cut(path, chance)
    holder, key = chance.choice(places)
    holder[key] = chance.choice(OTHERS)
    path.write_text(json.dumps(plain))


def _places(plain: object) -> Iterator[tuple[dict, object] | tuple[list, object]]:  # type: ignore[type-arg]
    pairs = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for key, value in pairs:
        yield plain, key  # type: ignore[misc]
        yield from _places(value)


def _missing(path: Path, chance: Random) -> None:
    """One field is gone."""
    try:
        plain = json.loads(path.read_bytes())
    except ValueError:
        return _cut(path, chance)
    fields = [(holder, key) for holder, key in _places(plain) if isinstance(holder, dict)]
    if not fields:
        return _cut(path, chance)
    holder, key = chance.choice(fields)
    del holder[key]
    path.write_text(json.dumps(plain))


def _other(path: Path, chance: Random) -> None:
    """Another object's content."""
    siblings = [other for other in path.parent.parent.rglob("*") if other.is_file() and other != path]
    path.write_bytes(chance.choice(sorted(siblings)).read_bytes())


def _pipe(path: Path, chance: Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path, chance: Random) -> None:
    path.unlink()
    (path / "inner").mkdir(parents=True)


def _link(path: Path, chance: Random) -> None:
    """To what never ends, to nothing, to itself, or to its own content elsewhere."""
    kept = path.parents[3] / "kept"
    shutil.copy(path, kept)
    path.unlink()
    path.symlink_to(chance.choice(["/dev/zero", "/nowhere/at/all", str(path), str(kept)]))


def _empty(path: Path, chance: Random) -> None:
    path.write_bytes(b"")


def _huge(path: Path, chance: Random) -> None:
    """A terabyte of nothing, which takes no room."""
    with path.open("r+b") as file:
        file.truncate(1 << 40)


def _gone(path: Path, chance: Random) -> None:
    path.unlink()


def _renamed(path: Path, chance: Random) -> None:
    path.rename(path.with_name(chance.choice(["{}.bak", "{}~", "1x{}", "copy of {}", "9{}"]).format(path.name)))


def _doubled(path: Path, chance: Random) -> None:
    """A backup tool's copy beside it."""
    shutil.copy(path, path.with_name(chance.choice(["{}.bak", "{}~", "{}.1", "1x", "1.json"]).format(path.name)))


def _stray(path: Path, chance: Random) -> None:
    """Something of nobody's beside it: a pipe, a folder, a link that leads nowhere."""
    stray = path.with_name(chance.choice(["1x", "0000000099.intent.json.bak", "99", "0.json.tmp"]))
    chance.choice([lambda: os.mkfifo(stray), stray.mkdir, lambda: stray.symlink_to("/nowhere")])()


DAMAGES: Mapping[str, Callable[[Path, Random], None]] = MappingProxyType(
    {
        "cut": _cut,
        "flip": _flip,
        "value": _value,
        "missing field": _missing,
        "json": _writes("{}", "[]", "null", "0", '""', '{"format": 2}', '{"a": NaN}', "9" * 5000, "\ufeff{}", "{" * 50),
        "deep": _writes(DEEP, '{"a":' * 10_000 + "1" + "}" * 10_000),
        "other": _other,
        "pipe": _pipe,
        "folder": _folder,
        "link": _link,
        "empty": _empty,
        "huge": _huge,
        "gone": _gone,
        "renamed": _renamed,
        "doubled": _doubled,
        "stray": _stray,
    }
)
HARMLESS = frozenset({"doubled", "stray"})
"""What changes nothing at all."""
