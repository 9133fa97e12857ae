"""The seam of effects is whole: what the protocols have, it has, and each effect passes a point."""

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from loader.storage.effects import (
    COMMIT,
    DISCARD,
    FILE_EFFECTS,
    FILE_READS,
    METASTORE_EFFECTS,
    METASTORE_READS,
    NEW_FILE,
    tapped_files,
    tapped_metastore,
)
from loader.storage.files import Files
from loader.storage.hdfs import HdfsFiles
from loader.storage.local import LocalFiles
from metastore.api import Metastore
from metastore.client import ThriftMetastore
from metastore.memory import InMemoryMetastore


def members(kind: type) -> set[str]:
    """All that a class has under a name of its own, its fields too."""
    found = {name for one in kind.__mro__ for name in vars(one)} | set(getattr(kind, "__annotations__", {}))
    return {name for name in found if not name.startswith("_")}


def signature(kind: type, name: str) -> tuple[tuple[str, Any], ...] | None:
    member = inspect.getattr_static(kind, name)
    if not inspect.isfunction(member):
        return None
    return tuple((one.name, one.default) for one in inspect.signature(member).parameters.values())


@dataclass
class Told:
    effects: list[tuple[str, str]] = field(default_factory=list)

    def before(self, effect: str) -> None:
        self.effects.append(("before", effect))

    def after(self, effect: str) -> None:
        self.effects.append(("after", effect))


class Anything:
    """Whatever it is asked, it does nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments, **named: None


def test_every_method_of_the_files_is_an_effect_or_a_read() -> None:
    assert members(Files) == FILE_EFFECTS | FILE_READS | {NEW_FILE}
    assert not FILE_EFFECTS & FILE_READS


def test_every_method_of_the_metastore_is_an_effect_or_a_read() -> None:
    assert members(Metastore) == METASTORE_EFFECTS | METASTORE_READS
    assert not METASTORE_EFFECTS & METASTORE_READS


@pytest.mark.parametrize("effect", sorted(FILE_EFFECTS))
def test_an_effect_on_files_passes_a_point_before_and_after(effect: str) -> None:
    tap = Told()
    getattr(tapped_files(cast(Files, Anything()), tap), effect)("anywhere")
    assert tap.effects == [("before", effect), ("after", effect)]


@pytest.mark.parametrize("effect", sorted(METASTORE_EFFECTS))
def test_an_effect_on_the_metastore_passes_a_point_before_and_after(effect: str) -> None:
    tap = Told()
    getattr(tapped_metastore(cast(Metastore, Anything()), tap), effect)("anything")
    assert tap.effects == [("before", effect), ("after", effect)]


@pytest.mark.parametrize("read", sorted((METASTORE_READS | FILE_READS) - {"can", "parallel", "parallel_syncs"}))
def test_a_read_passes_none(read: str) -> None:
    tap = Told()
    tapped: Any = tapped_files if read in FILE_READS else tapped_metastore
    getattr(tapped(Anything(), tap), read)("anything")
    assert tap.effects == []


@pytest.mark.parametrize(("ends", "end"), [(lambda: None, COMMIT), (lambda: 1 // 0, DISCARD)])
def test_a_new_file_passes_one_point_as_it_is_begun_and_one_as_it_ends(
    tmp_path: Path, ends: Callable[[], object], end: str
) -> None:
    tap = Told()
    with suppress(ZeroDivisionError), tapped_files(LocalFiles(), tap).new_file(f"{tmp_path}/t", f"{tmp_path}/f"):
        ends()
    assert tap.effects == [(side, effect) for effect in (NEW_FILE, end) for side in ("before", "after")]
    assert (tmp_path / "f").exists() == (end == COMMIT)


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [(Files, LocalFiles), (Files, HdfsFiles), (Metastore, InMemoryMetastore), (Metastore, ThriftMetastore)],
)
def test_what_implements_a_protocol_has_all_of_it_with_the_same_arguments(protocol: type, kind: type) -> None:
    has = members(kind) | ({one.name for one in fields(kind)} if is_dataclass(kind) else set())
    assert members(protocol) - has == set()
    methods = [name for name in members(protocol) if signature(protocol, name) is not None]
    assert {name: signature(kind, name) for name in methods} == {name: signature(protocol, name) for name in methods}
