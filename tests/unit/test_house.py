"""The rules of the house, read off the source: who imports whom, who may touch what, what no file may say."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
ROOMS = ("loader", "partitioner", "metastore")
OUTSIDE = {"pyspark", "py4j"}
EFFECTS = {"os", "io", "pathlib", "shutil", "tempfile", "time", "random", "secrets", "socket", "subprocess", "logging"}
ARROW_FILES = {"pyarrow.parquet", "pyarrow.orc", "pyarrow.fs", "pyarrow.dataset"}
OWN_NAMES = {"loader", "metastore", "partitioner", "conf", "tests", "devservers", "bench"}


def sources(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Full names of everything that `path` imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: write the import in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def breaches(room: str, forbidden: set[str]) -> list[str]:
    """`file imports name` for every import of `forbidden`, which holds modules with all that is below them."""
    return [
        f"{name_of(path)} imports {name}"
        for path in sources(room)
        for name in imports(path)
        if any(name == module or name.startswith(f"{module}.") for module in forbidden)
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_source_to_look_at(room: str) -> None:
    assert sources(room)


@pytest.mark.parametrize(
    ("room", "others"),
    [
        ("partitioner", {"loader", "metastore"}),
        ("metastore", {"loader", "partitioner"}),
        ("loader", {"tests", "bench", "devservers"}),
        ("partitioner", {"tests", "bench", "devservers"}),
        ("metastore", {"tests", "bench", "devservers"}),
    ],
)
def test_imports_point_down_only(room: str, others: set[str]) -> None:
    assert breaches(room, others) == []


def test_above_the_storage_nobody_asks_which_file_system_it_is() -> None:
    """But what it can: `Files.can`."""
    kinds = {f"loader.storage.{kind}" for kind in ("local", "hdfs")}
    found = [line for line in breaches("loader", kinds) if not line.startswith("loader/storage/")]
    schemes = re.compile(r"""[=!]= ["'](file|hdfs)["']|startswith\(\(?["'](file|hdfs):/""")
    found += [
        f"{name_of(path)} looks at a scheme"
        for path in sources("loader", "partitioner")
        if not name_of(path).startswith("loader/storage/") and schemes.search(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("part", ["loader/publish", "loader/cli"])
def test_publishing_and_the_command_line_know_no_spark(part: str) -> None:
    assert breaches(part, OUTSIDE) == []


def test_the_partitioner_opens_nothing_and_knows_no_clock_and_no_chance() -> None:
    assert breaches("partitioner", EFFECTS | ARROW_FILES) == []


def test_the_partitioner_calls_no_open() -> None:
    calls = [
        f"{name_of(path)}:{node.lineno}"
        for path in sources("partitioner")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "print", "input")
    ]
    assert calls == []


def test_nothing_around_a_swap_catches_every_exception() -> None:
    broad = [
        f"{name_of(path)}:{node.lineno}"
        for path in sources("loader/publish")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler) and _catches_all(node)
    ]
    assert broad == []


def _catches_all(handler: ast.ExceptHandler) -> bool:
    """A broad handler is fine only if it raises on: `except BaseException: …; raise`."""
    caught = handler.type
    types = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    broad = caught is None or any(isinstance(t, ast.Name) and t.id in ("Exception", "BaseException") for t in types)
    last = handler.body[-1]
    return broad and not (isinstance(last, ast.Raise) and last.exc is None)


def test_no_test_patches_our_own_modules() -> None:
    patching = re.compile(r"monkeypatch\.setattr\(\s*[\"']?(loader|partitioner|metastore|devservers)\b|mock\.patch")
    mine = Path(__file__).resolve()
    found = [name_of(p) for p in sources("tests") if p.resolve() != mine and patching.search(p.read_text("utf-8"))]
    assert found == []


def test_no_dependency_installs_a_name_of_ours() -> None:
    owners = packages_distributions()
    foreign = {name: set(owners.get(name, ())) - {"hotswap"} for name in OWN_NAMES}
    needed = _needed("hotswap")
    assert {name: who for name, who in foreign.items() if {canonicalize_name(n) for n in who} & needed} == {}


def _needed(name: str, seen: frozenset[str] = frozenset()) -> frozenset[str]:
    """Canonical names of everything that `name` needs here, by the metadata of what is installed."""
    for text in requires(name) or ():
        requirement = Requirement(text)
        wanted = requirement.marker is None or requirement.marker.evaluate(
            {"extra": "test" if name == "hotswap" else ""}
        )
        if wanted and (needed := canonicalize_name(requirement.name)) not in seen:
            seen = _needed(needed, seen | {needed})
    return seen


def test_constraints_pin_all_that_the_project_needs() -> None:
    pinned = {
        canonicalize_name(requirement.name)
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
        for requirement in [Requirement(line)]
    }
    assert _needed("hotswap") - pinned == set()


def test_constraints_pin_one_version_each_within_the_declared_range() -> None:
    declared = {Requirement(text).name: Requirement(text) for text in requires("hotswap") or ()}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        (specifier,) = Requirement(line).specifier
        wanted = declared.get(Requirement(line).name)
        assert specifier.operator == "=="
        assert wanted is None or specifier.version in wanted.specifier, line


def test_the_declared_version_is_the_installed_one() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{distribution("hotswap").version}"' in text


TELLTALES = {
    "a path of somebody's machine": r"(?<![\w.$}])/(?:home|Users|root|work)/[A-Za-z]",
    "the host of a package registry": "|".join(
        (r"\bpypi\.(?:org|python)", r"pythonhosted\.org", r"repo1?\.maven", r"maven\.org", r"proxy\.golang", r"npmjs\.")
    ),
    "a key": r"-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}",
}


def tracked_files() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing tells what is tracked")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("what", TELLTALES)
def test_no_tracked_file_tells(what: str) -> None:
    pattern = re.compile(TELLTALES[what])
    told = []
    for path in tracked_files():
        if path.resolve() == Path(__file__).resolve():
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        told += [f"{name_of(path)}: {match[0]}" for match in pattern.finditer(text)]
    assert told == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a path of somebody's machine", 'open("/ho' + 'me/me/x")'),
        ("the host of a package registry", "https://pypi" + ".org/simple"),
        ("a key", "-----BEGIN RSA " + "PRIVATE KEY-----"),
    ],
)
def test_the_search_for_telltales_finds_them(what: str, text: str) -> None:
    assert re.search(TELLTALES[what], text)


def test_every_module_can_be_imported_on_the_oldest_python() -> None:
    floor = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert floor
    minor = int(floor[1])
    for path in sources(*ROOMS):
        ast.parse(path.read_text("utf-8"), feature_version=(3, minor))
    assert sys.version_info >= (3, minor)


DELETES = {"delete_file", "delete_tree", "remove_empty_dir"}
MAY_DELETE = {"loader/state/deleting.py"}


def calls(names: set[str], *beside: str) -> list[str]:
    """Files of the loader above its storage that call a method of one of these names."""
    return sorted(
        {
            name_of(path)
            for path in sources("loader")
            if "loader/storage/" not in name_of(path) and name_of(path) not in beside
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names
        }
    )


def test_files_are_deleted_in_one_place_only_which_asks_whose_they_are() -> None:
    assert calls(DELETES, *MAY_DELETE) == []


def test_state_objects_are_parsed_in_one_place_only() -> None:
    assert calls({"loads", "open_file"}) == PARSERS


PARSERS = [
    "loader/datafiles/parquet_file.py",  # the text that Spark puts into a footer
    "loader/datafiles/spark_merge.py",  # what its own driver sent to a task
    "loader/ops/bootstrap/spool.py",  # row groups of its own spool, opened one by one
    "loader/ops/reconcile/schedule.py",  # what a child process printed
    "loader/sources/hbase/access/where.py",  # an option of Spark's, of its own making
    "loader/state/arrow_objects.py",
    "loader/wiring/definition.py",  # how a mapping spells itself
]
