"""The tree of the house: which folder may import which, no circles, one sentence a folder, no file too long."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest

from tests.unit.test_house import ROOMS, ROOT, name_of, sources

SHARED = {"partitioner", "metastore", "loader/basics"}
"""The nouns, what the metastore can do, and what every folder of the loader may use."""
CHANGES, HISTORY, PLANNING, MERGE = (f"partitioner/{name}" for name in ("changes", "history", "planning", "merge"))
DECISIONS = {CHANGES, HISTORY, PLANNING, MERGE}

MAY: Mapping[str, set[str]] = {
    "partitioner": set(),
    CHANGES: {"partitioner"},
    HISTORY: {"partitioner"},
    PLANNING: {"partitioner", CHANGES, HISTORY},
    MERGE: {"partitioner", CHANGES, HISTORY, PLANNING},
    "metastore": set(),
    "loader/basics": set(),
    "loader/storage": SHARED,
    "loader/state": SHARED | {"loader/storage", CHANGES, HISTORY, MERGE},
    "loader/config": SHARED | {"loader/storage"},
    "loader/mapping": SHARED | {"loader/config"},
    "loader/sources": SHARED | {"loader/mapping", "loader/state", "loader/storage", CHANGES, HISTORY},
    "loader/datafiles": SHARED | {"loader/config", "loader/mapping", "loader/storage", CHANGES, PLANNING, MERGE},
    "loader/publish": SHARED | {"loader/datafiles", "loader/sources", "loader/state", "loader/storage"} | DECISIONS,
    "loader/wiring": SHARED
    | {f"loader/{name}" for name in ("config", "datafiles", "mapping", "sources", "state", "storage")}
    | {HISTORY, MERGE, PLANNING},
    "loader/report": SHARED | {"loader/config", "loader/state", "loader/storage", HISTORY},
    "loader/ops": SHARED
    | {f"loader/{name}" for name in ("config", "datafiles", "mapping", "publish", "report", "sources", "state")}
    | {"loader/storage", "loader/wiring"}
    | DECISIONS,
    "loader/runtime": SHARED
    | {f"loader/{name}" for name in ("config", "datafiles", "mapping", "ops", "publish", "report", "sources", "state")}
    | {"loader/wiring"}
    | DECISIONS,
    "loader/cli": SHARED | {f"loader/{name}" for name in ("config", "ops", "report", "runtime", "wiring")} | {PLANNING},
    "loader": {"loader/cli"},
}
"""Folder → the folders that its files may import; sub-folders of a folder named here count as that folder."""

SPARK_MAY = {"loader/runtime/job.py"}
"""And every file whose name begins with spark_."""
Node = TypeVar("Node")
FLAT_AT_MOST = 5
LINES_AT_MOST = 400


def room_of(path: Path) -> str:
    """The folder of `MAY` that a file or a folder stands in."""
    name = path.relative_to(ROOT).as_posix()
    while name not in MAY:
        name = name.rpartition("/")[0]
    return name


@cache
def imported() -> Mapping[Path, frozenset[Path]]:
    """File → the files of ours that it imports: at its top, in functions, and for the type checker alike."""
    return {path: frozenset(_imported(path)) for path in sources(*ROOMS)}


def _imported(path: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield from _file_of(f"{node.module}.{alias.name}") or _file_of(node.module)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from _file_of(alias.name)


def _file_of(module: str) -> list[Path]:
    place = ROOT / module.replace(".", "/")
    return [path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()][:1]


def test_each_folder_imports_only_what_it_may() -> None:
    breaches = [
        f"{name_of(path)} imports {name_of(other)}"
        for path, others in imported().items()
        for other in others
        if (here := room_of(path.parent)) != (there := room_of(other.parent)) and there not in MAY[here]
    ]
    assert breaches == []


def test_what_a_folder_may_import_makes_no_circle() -> None:
    assert circle(MAY) is None


def test_no_modules_import_each_other_in_a_circle() -> None:
    found = circle({path: {other for other in others if other != path} for path, others in imported().items()})
    assert found is None, [name_of(path) for path in found]


def test_no_folders_import_each_other_in_a_circle() -> None:
    arrows: dict[Path, set[Path]] = {}
    for path, others in imported().items():
        arrows.setdefault(path.parent, set()).update(other.parent for other in others if other.parent != path.parent)
    found = circle(arrows)
    assert found is None, [name_of(path) for path in found]


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert circle({"a": {"b"}, "b": set(), "c": {"a"}}) is None


def circle(arrows: Mapping[Node, set[Node]]) -> list[Node] | None:
    """Nodes that lead back to the first of them; None if there are none."""
    done: set[Node] = set()

    def walk(node: Node, way: list[Node]) -> list[Node] | None:
        if node in way:
            return way[way.index(node) :]
        if node in done:
            return None
        found = next((found for other in arrows.get(node, ()) if (found := walk(other, [*way, node]))), None)
        done.add(node)
        return found

    return next((found for node in arrows if (found := walk(node, []))), None)


@pytest.mark.parametrize("folder", sorted({path.parent for path in sources(*ROOMS)}), ids=name_of)
def test_a_folder_says_in_one_sentence_what_it_is_for(folder: Path) -> None:
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
    assert said
    assert said.partition("\n")[0].endswith("."), f"the first line of {name_of(folder)} is no sentence"


def test_few_modules_stand_flat_in_the_loader() -> None:
    assert len(list((ROOT / "loader").glob("*.py"))) <= FLAT_AT_MOST


def test_only_the_job_and_what_says_so_by_its_name_know_spark() -> None:
    found = {
        name_of(path)
        for path in sources(*ROOMS)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
        if name.partition(".")[0] in ("pyspark", "py4j")
    }
    assert {name for name in found if not name.rpartition("/")[2].startswith("spark_")} - SPARK_MAY == set()


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in sources(*ROOMS)}
    assert {name: lines for name, lines in lengths.items() if lines > LINES_AT_MOST} == {}
