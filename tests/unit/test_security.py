"""What a stranger's bytes in HBase, or an operator's secrets, must never come to."""

import ast
import json
import logging
import os
import posixpath
import re
import stat
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.core import TyperGroup

from loader.basics.errors import ConfigError
from loader.cli.main import app, main
from loader.cli.session import Loader, Session
from loader.config.settings import load
from loader.mapping.codecs import codec_for
from loader.mapping.hive_types import parse_hive_type
from loader.ops.analyze import statistics_of
from loader.ops.reconcile.digests import Digests
from loader.state.layout import Layout
from loader.storage.files import join
from loader.storage.local import LocalFiles
from metastore.memory import InMemoryMetastore
from metastore.names import name_problem, partition_name
from partitioner.values import AttemptId, Bucket, DataFile, Version
from tests.cli.stage import Stage
from tests.unit.test_house import ROOMS, name_of, sources
from tests.world import Source, create_table, expected, open_world, run_batch, visible

# ---- paths from values

TABLE = "file:///warehouse/ads/clicks"
LAYOUT = Layout.of(TABLE)
ATTEMPT = AttemptId("b0000000001-0000001000000-run")
TEXT = codec_for(parse_hive_type("string"), binary=False)
ANYTHING = st.text(min_size=0, max_size=300)
NASTY = [
    *(chr(byte) for byte in range(256)),
    *("..", ".", "../..", "/etc/passwd", "//", "a/../../b", "_hotswap", ".hidden", "%2e%2e", "..%2f", "~", "-rf", "*"),
    *(
        "\u2024\u2024/",
        "\u2215",
        "\uff0e\uff0e\uff0f",
        "\u202e",
        "a\nb",
        "$(id)",
        "`id`",
        "'; drop table x; --",
        "x" * 300,
    ),
]


def stays_inside(*values: str) -> bool:
    """Whether every path made from these values is where the layout says, and nowhere else, also once normalised."""
    keys = [f"p{number}" for number in range(len(values))]
    name = partition_name(keys, values)
    places = {
        LAYOUT.placeholder(name): TABLE,
        LAYOUT.version(name, ATTEMPT): join(TABLE, "_hotswap", "versions"),
        LAYOUT.empty_version(name, ATTEMPT): join(TABLE, "_hotswap", "versions"),
    }
    return all(_is_below(place, root, len(values)) for place, root in places.items())


def _is_below(place: str, root: str, keys: int) -> bool:
    path, folder = (text.removeprefix("file://") for text in (place, root))
    parts = path.removeprefix(f"{folder}/").split("/")
    named = all(part.startswith(f"p{number}=") for number, part in enumerate(parts[:keys]))
    return posixpath.normpath(path) == path and len(parts) - keys in (0, 1) and named and "\0" not in path


@pytest.mark.parametrize("value", NASTY, ids=ascii)
def test_no_value_leads_out_of_the_table(value: str) -> None:
    assert stays_inside(value)
    assert stays_inside("a", value)


@given(ANYTHING, ANYTHING)
def test_no_two_values_lead_out_of_the_table(first: str, second: str) -> None:
    assert stays_inside(first, second)


@given(ANYTHING, ANYTHING)
def test_two_values_never_share_a_path(one: str, other: str) -> None:
    spelled = {partition_name(["p"], [value]) for value in (one, other) if value}
    assert len(spelled) == len({value for value in (one, other) if value})


@pytest.mark.parametrize("value", ["x" * 300, "ü" * 127, "\n" * 90])
def test_a_value_that_no_file_system_holds_is_found_before_a_path_is_made_of_it(value: str) -> None:
    assert name_problem(["p"], [value])


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_of_a_cell_stays_in_the_table_or_is_quarantined(byte: int) -> None:
    """From HBase's bytes on: alone, between dots and slashes, and as the tail of three hundred."""
    for cell in (bytes([byte]), b"../" + bytes([byte]) + b"/..", b"x" * 299 + bytes([byte])):
        column, problems = TEXT.decode([cell])
        text = column.to_pylist()[0]
        assert (text is None) == (0 in problems)
        if text is not None and name_problem(["p"], [text]) is None:
            assert stays_inside(text)


def test_a_batch_with_every_byte_in_its_partition_values_writes_into_its_table_only(tmp_path: Path) -> None:
    store, source = InMemoryMetastore("2.3.10"), Source()
    values = [value for value in NASTY if name_problem(["day"], [value]) is None and value]
    create_table(store, tmp_path / "in" / "clicks")
    for number, value in enumerate(values):
        source.put(f"k{number}", value, number)
    run_batch(open_world(store, tmp_path / "in" / "clicks", "run"), source)
    assert visible(store) == expected(source)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*")] == ["in/clicks"]
    placeholders = {path.name for path in (tmp_path / "in" / "clicks").iterdir()}
    assert {partition_name(["day"], [value]) for value in values} <= placeholders
    assert all(name.startswith("day=") for name in placeholders - {"_hotswap"})


# ---- group and mode


def modes_below(folder: Path) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {"folder": set(), "file": set()}
    for path in folder.rglob("*"):
        found["folder" if path.is_dir() else "file"].add(stat.S_IMODE(path.stat().st_mode))
    return found


@pytest.mark.parametrize(("table", "files"), [(0o750, 0o640), (0o770, 0o660), (0o2775, 0o664), (0o700, 0o600)])
def test_all_that_a_batch_makes_has_the_mode_of_the_table_whatever_the_umask(
    tmp_path: Path, table: int, files: int
) -> None:
    store, source = InMemoryMetastore("2.3.10"), Source()
    folder = tmp_path / "clicks"
    folder.mkdir()
    folder.chmod(table)
    create_table(store, folder)
    before = os.umask(0o077)
    try:
        for number in range(9):
            source.put(f"k{number}", "mon", number)
            run_batch(open_world(store, folder, f"run{number}"), source, rows_per_file=2)
    finally:
        os.umask(before)
    assert modes_below(folder) == {"folder": {table}, "file": {files}}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to any group")
def test_what_is_made_new_belongs_to_the_group_of_its_parent(tmp_path: Path) -> None:
    os.chown(tmp_path, -1, 12345)
    files = LocalFiles()
    files.create(f"{tmp_path}/a/b/created", b"x")
    files.make_dirs(f"{tmp_path}/a/d")
    with files.new_file(f"{tmp_path}/a/c/temporary", f"{tmp_path}/a/d/written") as stream:
        stream.write(b"x")
    assert {path.stat().st_gid for path in tmp_path.rglob("*")} == {12345}


def test_below_a_folder_that_strangers_share_the_umask_decides(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    before = os.umask(0o027)
    try:
        LocalFiles().create(f"{tmp_path}/table/file", b"x")
    finally:
        os.umask(before)
    assert modes_below(tmp_path) == {"folder": {0o750}, "file": {0o640}}


# ---- secrets

COMMANDS = typer.main.get_command(app)
assert isinstance(COMMANDS, TyperGroup)
SECRET = "hunter2-swordfish"
CONFIG = """\
metastore:
  uris: thrift://127.0.0.1:1
  auth: ldap
  user: loader
  password: ${TEST_SECRET}
hbase: {thrift: 127.0.0.1:1}
spark: {spark.hadoop.fs.s3a.secret.key: "${TEST_SECRET}", spark.from.file: "file:SECRET_FILE"}
tables:
  ads.clicks:
    hbase_table: clicks
    columns: {id: string, clicks: bigint, day: string}
    mapping: ":key,d:clicks,d:day"
    partition_by: [day]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEST_SECRET", SECRET)
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    path = tmp_path / "hotswap.yaml"
    path.write_text(CONFIG.replace("SECRET_FILE", str(tmp_path / "secret")))
    return path


def test_the_secrets_are_there_for_who_needs_them(config: Path) -> None:
    settings = load(config)
    assert settings.metastore.log_in().password == SECRET
    assert {secret.get_secret_value() for secret in settings.spark.values()} == {SECRET}


def test_settings_do_not_show_their_secrets(config: Path) -> None:
    settings = load(config)
    shown = [repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())]
    assert not [text for text in [*shown, repr(settings.metastore.log_in())] if SECRET in text]


VERBS = [
    *(["status"], ["history"], ["recover"], ["clean"], ["doctor"], ["run", "--once"], ["init"], ["plan"], ["verify"]),
    *(["rollback", "--to", "1", "--yes"], ["resume", "--yes"], ["hold", "--yes"], ["adopt"], ["analyze"], ["evolve"]),
    *(["bootstrap"], ["rebuild"], ["reconcile"], ["forget"], ["show", "1"], ["diff", "1", "2"], ["quarantine", "list"]),
]
"""Every verb, and what it needs; a quarantine's table comes after its own verb."""


def test_every_verb_is_among_those_that_are_tried() -> None:
    assert {verb[0] for verb in VERBS} == set(COMMANDS.commands)


@pytest.mark.parametrize("json_too", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_no_verb_says_a_secret_when_its_servers_are_away(
    config: Path, verb: list[str], json_too: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    out, err = StringIO(), StringIO()
    caplog.set_level(logging.DEBUG)
    own = 2 if verb[0] == "quarantine" else 1
    given = [*verb[:own], "ads.clicks", *verb[own:], *json_too, "--config", str(config)]
    code = main(given, Session(Loader(), StringIO(), out, err, {}))
    assert code != 0
    assert SECRET not in out.getvalue() + err.getvalue() + caplog.text


WRONG = [
    ("  password: ${TEST_SECRET}", "  password: [SECRET]"),
    ("  password: ${TEST_SECRET}", "  pasword: SECRET"),
    ("  password: ${TEST_SECRET}", "  password: SECRET\n  password: SECRET"),
    ("spark: {", "spark: {a: [SECRET], "),
    ("spark: {", "spark: {b: {c: SECRET}, "),
]


@pytest.mark.parametrize("key", ["spark.hadoop.fs.s3a.session.token", "spark.ssl.keyStorePassword"])
def test_a_secret_is_taken_from_a_file_or_the_environment_only(config: Path, key: str) -> None:
    right = config.read_text()
    for text in (right.replace("${TEST_SECRET}", SECRET, 1), right.replace("spark: {", f"spark: {{{key}: {SECRET}, ")):
        config.write_text(text)
        with pytest.raises(ConfigError, match="a secret stands in the configuration itself") as caught:
            load(config)
        assert SECRET not in f"{caught.value.message} {caught.value.hint}"


def options_of(verbs: TyperGroup) -> Iterator[tuple[str, str]]:
    """Every verb with every option, of verbs within verbs too."""
    for name, verb in verbs.commands.items():
        if isinstance(verb, TyperGroup):
            yield from options_of(verb)
        else:
            yield from ((name, option) for parameter in verb.params for option in parameter.opts)


def test_no_verb_takes_a_secret_from_the_command_line() -> None:
    """Everybody on the machine can read a command line."""
    found = list(options_of(COMMANDS))
    assert len(found) > 50
    assert not [option for _, option in found if re.search("pass|secret|token|credential", option)]


@pytest.mark.parametrize(("right", "wrong"), WRONG)
def test_a_wrong_configuration_does_not_say_its_secrets(config: Path, right: str, wrong: str) -> None:
    text = config.read_text()
    assert right in text
    config.write_text(text.replace(right, wrong.replace("SECRET", SECRET)).replace("${TEST_SECRET}", SECRET))
    with pytest.raises(ConfigError) as caught:
        load(config)
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"


def test_nothing_of_the_configuration_goes_into_the_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SECRET", SECRET)
    stage = Stage(tmp_path)
    secrets = '{uris: "thrift://h:1", auth: ldap, user: u, password: "${TEST_SECRET}"}'
    stage.config.write_text(stage.config.read_text().replace("{uris: thrift://localhost:9083}", secrets))
    stage.batch(("a", "mon", 1))
    stage.batch(("a", "tue", 2))
    for verb in (["status", "--json"], ["rollback", "--to", "1", "--yes", "--json"], ["resume", "--yes"]):
        out, err = StringIO(), StringIO()
        assert (
            main(
                [verb[0], "ads.clicks", *verb[1:], "--config", str(stage.config)],
                Session(stage, StringIO(), out, err, {}),
            )
            == 0
        ), err.getvalue()
        assert SECRET not in out.getvalue() + err.getvalue()
    stored = [path for path in (tmp_path / "table").rglob("*") if path.is_file()]
    assert len(stored) > 5
    assert not [path for path in stored if SECRET.encode() in path.read_bytes()]


# ---- code that would run what it reads

RUNS_TEXT = {"eval", "exec", "compile", "__import__"}
LOADS_OBJECTS = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
PICKLE_MAY = {"loader/datafiles/spark_merge.py"}
"""Its pickles go from our driver to our own tasks and back, through Spark: nobody else's bytes come there."""


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the dotted name of what is called."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def dangers(path: Path) -> list[str]:
    """Calls that run text as code or hand it to a shell, and imports of what makes objects out of bytes."""
    found = []
    for call, name in calls(path):
        shell = any(word.arg == "shell" for word in call.keywords)
        if name in RUNS_TEXT or name in ("os.system", "os.popen", "yaml.load") or shell:
            found.append(f"{name_of(path)}:{call.lineno} {name}")
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        found += [f"{name_of(path)} {name}" for name in names if name.split(".")[0] in LOADS_OBJECTS]
    return found


def test_nothing_runs_text_or_makes_objects_out_of_bytes() -> None:
    found = [danger for path in sources(*ROOMS) for danger in dangers(path)]
    assert [danger for danger in found if danger.split()[0] not in PICKLE_MAY] == []
    assert found  # the search finds the one that is allowed


def test_the_state_is_read_as_json_and_arrow_only(tmp_path: Path) -> None:
    """A state folder is data: whatever lies there, reading it makes nothing but plain values."""
    store, source = InMemoryMetastore("2.3.10"), Source()
    create_table(store, tmp_path / "clicks")
    source.put("k", "mon", 1)
    run_batch(open_world(store, tmp_path / "clicks", "run"), source)
    state = tmp_path / "clicks" / "_hotswap" / "state"
    for path in (path for path in state.rglob("*") if path.is_file()):
        if path.suffix == ".json":
            json.loads(path.read_bytes())
        else:
            assert (path.suffix, path.read_bytes()[:6]) == (".arrow", b"ARROW1")


BUILT_MAY = {
    "loader/ops/analyze.py": "names of the table's columns, quoted",
    "loader/ops/bootstrap/index.py": "a text of its own, named",
    "loader/ops/reconcile/digests.py": "names of the table's columns, quoted",
    "loader/ops/reconcile/hive_side.py": "texts of its own, handed on; keys are parameters",
}
"""What is not one plain text in each of these; a column's value goes in as a parameter or as Arrow everywhere."""


def test_sql_is_not_built_from_values() -> None:
    built = {
        name_of(path)
        for path in sources(*ROOMS)
        for call, name in calls(path)
        if name.rpartition(".")[2] in ("execute", "executemany", "sql", "query")
        and call.args
        and not isinstance(call.args[0], ast.Constant)
    }
    assert built == set(BUILT_MAY)


@pytest.mark.parametrize("name", ['a"b', 'x" FROM version; DROP TABLE version; --', "a'b", "na me", "select"])
def test_a_column_of_any_name_is_analyzed_and_digested_as_a_column(tmp_path: Path, name: str) -> None:
    """The only texts of others that come into SQL: who names a column could otherwise say more than its name."""
    schema = ((name, "bigint"),)
    rows = pa.table({name: [1, 2, 2]})
    keys = pa.array([b"a", b"b", b"c"], pa.binary())
    entries = Digests(schema).entries(keys, rows, pa.array(["day=mon"] * 3))
    assert len(set(entries["digest"].to_pylist())) == 2
    pq.write_table(rows, tmp_path / "0.parquet")
    file = DataFile("0.parquet", Bucket(0, 1), 3, (tmp_path / "0.parquet").stat().st_size)
    version = Version(("mon",), ATTEMPT, f"file://{tmp_path}", "parquet", schema, (file,))
    (found,) = statistics_of(LocalFiles(), version, schema)
    assert (found.name, found.low, found.high, found.distinct) == (name, 1, 2, 2)
