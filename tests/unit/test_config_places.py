"""A configuration whose tables would lie in one place, and one that stands for more than it holds."""

import time
from pathlib import Path

import pytest

from loader.basics.errors import ConfigError
from loader.config.settings import load
from loader.wiring.table import check_places

HEAD = "metastore: {uris: thrift://one}\nhbase: {thrift: here}\n"
TABLE = """\
  {name}:
    hbase_table: ads
    columns: {{id: string, clicks: bigint}}
    mapping: ":key,f:clicks"
    partition_by: [day]
    {setting}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hotswap.yaml"


def tables(file: Path, *settings: str) -> Path:
    """`a.a`, `b.b`, …: each with one more setting; that of `a.a` stands in line 9, of `b.b` in line 15."""
    entries = [
        TABLE.format(name=f"{name}.{name}", setting=setting) for name, setting in zip("abc", settings, strict=False)
    ]
    file.write_text(f"{HEAD}tables:\n{''.join(entries)}")
    return file


def problem(file: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    return caught.value.message.replace(str(file), "FILE")


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("location: /w/a", "location: /w/a", "FILE:15: tables.b.b.location: file:///w/a is the location of a.a, too"),
        ("location: /w/a", "location: /w/x/../a/", "is the location of a.a, too"),
        ("location: /w/a", "location: 'file:/w//a'", "is the location of a.a, too"),
        ("location: /w/a", "location: 'file:///w/./a'", "is the location of a.a, too"),
        ("location: hdfs://nn/a", "location: hdfs://NN:8020//a", "is the location of a.a, too"),
        ("location: /w/a", "location: /w/a/b", "tables.b.b.location: file:///w/a/b lies inside of the location of a.a"),
        (
            "location: /w/a/b",
            "location: /w/a",
            "FILE:9: tables.a.a.location: file:///w/a/b lies inside of the location of b",
        ),
        ("state: /s", "state: /s", "tables.b.b.state: file:///s is the state of a.a, too"),
        ("state: /s", "state: /s/t", "tables.b.b.state: file:///s/t lies inside of the state of a.a"),
        ("location: /w/a", "state: /w/a/_hotswap/state", "lies inside of the location of a.a"),
        ("state: /w/a", "location: /w/a", "tables.b.b.location: file:///w/a is the state of a.a, too"),
        ("location: LINK/a", "location: REAL/a", "is the location of a.a, too"),
        ("location: LINK/new/folder", "state: REAL/new", "lies inside of the state of b.b"),
    ],
)
def test_two_tables_may_not_share_or_nest_their_places(
    file: Path, tmp_path: Path, one: str, other: str, said: str
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    settings = [text.replace("LINK", f"{tmp_path}/link").replace("REAL", f"{tmp_path}/real") for text in (one, other)]
    assert said in problem(tables(file, *settings))


def test_tables_side_by_side_share_nothing(file: Path) -> None:
    assert len(load(tables(file, "location: /w/a", "location: /w/ab", "state: /w/a_")).tables) == 3


@pytest.mark.parametrize("folder", ["versions", "temporary/x", "bootstrap", "x/../bootstrap/y"])
def test_a_state_may_not_lie_where_folders_are_deleted_as_a_whole(file: Path, folder: str) -> None:
    assert "deleted as a whole" in problem(tables(file, f"location: /w/a\n    state: /w/a/_hotswap/{folder}"))


def test_where_hive_has_a_table_counts_more_than_what_the_configuration_says(file: Path) -> None:
    settings = load(tables(file, "time_zone: UTC", "location: /w/b"))
    check_places(settings, settings.table("a.a"), "file:/w/other")
    with pytest.raises(ConfigError, match=r"tables.b.b.location: file:///w/b is the location of a.a, too"):
        check_places(settings, settings.table("a.a"), "file:/w/b")


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 40)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 9)}]}}\n" for level in range(1, 40)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "FILE:5: its aliases stand for more than 20,000 values"),
        (MERGES, "its aliases stand for more than 20,000 values"),
        ("a: &a [*a]\n", "FILE:1: *a stands inside of what it stands for"),
        ("a: &a {b: {c: *a}}\n", "FILE:1: *a stands inside of what it stands for"),
        (f"a: {'[' * 500}{']' * 500}\n", "FILE:1: more than 40 deep"),
        ("".join(f"{' ' * level}a:\n" for level in range(500)), "more than 40 deep"),
        ("a: 2001-99-99\n", "not valid YAML"),
        (f"a: {'9' * 9999}\n", "not valid YAML"),
    ],
)
def test_a_file_that_stands_for_more_than_it_holds_is_refused_at_once(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    began = time.process_time()
    assert said in problem(file)
    assert time.process_time() - began < 1.0


def test_aliases_may_say_a_thing_once(file: Path) -> None:
    tables(file, "alarms: &all {lag: 7m}", "alarms: *all")
    assert load(file).table("b.b").alarms.lag == 420.0
