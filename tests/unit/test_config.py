"""The configuration: what is right is typed, what is wrong is named with its line and the nearest right word."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from loader.basics.errors import ConfigError
from loader.config.settings import Settings, load
from loader.wiring.check import check_settings
from loader.wiring.mapping import mapping_of, transform_of
from metastore.api import TableName

GOOD = """\
metastore:
  uris: thrift://one:9083,thrift://two
hbase:
  thrift: [here:9090, there]
tables:
  ads.performance:
    hbase_table: ads
    columns:
      id: string
      clicks: bigint
    mapping: ":key,f:clicks#b"
    partition_by: [day]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hotswap.yaml"
    path.write_text(GOOD)
    return path


def add(file: Path, text: str) -> Path:
    """Append `text`, which starts on line 13."""
    file.write_text(GOOD + text)
    return file


def problem(file: Path, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file, environment or {})
    return caught.value.message.replace(str(file), "FILE")


def test_addresses_may_be_one_text_or_a_list_and_have_default_ports(file: Path) -> None:
    settings = load(file)
    assert settings.metastore.uris == ("thrift://one:9083", "thrift://two:9083")
    assert settings.hbase.thrift == ("here:9090", "there:9090")


def test_the_name_of_an_entry_is_its_hive_table_unless_it_says_another(file: Path) -> None:
    assert load(file).table("ads.performance").hive_table == TableName("ads", "performance")


def test_columns_keep_their_order(file: Path) -> None:
    assert list(load(file).table().columns) == ["id", "clicks"]


def test_short_forms_are_typed_like_long_ones(file: Path) -> None:
    text = GOOD.replace('":key,f:clicks#b"', '{id: ":key", clicks: {cell: "f:clicks", type: long_be}}')
    file.write_text(text)
    mapping = load(file).table().mapping
    assert not isinstance(mapping, str)
    assert [(cell.cell, cell.type) for cell in mapping.values()] == [(":key", None), ("f:clicks", "long_be")]


def test_settings_are_frozen(file: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load(file).table().fence = False


def test_a_table_is_found_by_its_entry_and_by_its_hive_table(file: Path) -> None:
    file.write_text(GOOD.replace("ads.performance:", "perf:\n    hive_table: Ads.Performance"))
    settings = load(file)
    assert settings.table("perf") is settings.table("ads.PERFORMANCE")


def test_an_unknown_table_is_answered_with_the_nearest(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file).table("ads.perfomance")
    assert caught.value.hint.startswith("Did you mean ads.performance?")


def test_without_a_name_the_only_table_is_meant(file: Path) -> None:
    assert load(file).table().hbase_table == "ads"


def test_without_a_name_several_tables_are_listed(file: Path) -> None:
    entry = GOOD.partition("tables:\n")[2]
    settings = load(add(file, entry.replace("ads.performance", "ads.other")))
    with pytest.raises(ConfigError) as caught:
        settings.table()
    assert caught.value.hint == "Name one of ads.performance, ads.other."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("    pol_every: 1s\n", "FILE:13: tables.ads.performance.pol_every: unknown key; did you mean poll_every?"),
        ("    xyz: 1s\n", "FILE:13: tables.ads.performance.xyz: unknown key"),
        ("hbsae: 1\n", "FILE:13: hbsae: unknown key; did you mean hbase?"),
        ("    poll_every: 30\n", "poll_every: 30 is not a duration such as 500ms, 30s, 10m, 3h or 2d"),
        ("    poll_every: 0s\n", "FILE:13: tables.ads.performance.poll_every: must be greater than 0"),
        ("    lag: 0.5\n", "lag: '0.5' is not a duration"),
        ("    bytes_per_file: 32 potatoes\n", "'32 potatoes' is not a size such as 512KB, 32MB or 1GB"),
        ("    max_delete_share: 101%\n", "'101%' is not a share"),
        ("    format: avro\n", "'parquet' or 'orc'"),
        ("    fence: perhaps\n", "FILE:13: tables.ads.performance.fence: must be true or false"),
        ("    timestamps: int32\n", "timestamps: must be 'int96' or 'int64'"),
        ("    time_zone: Europe/Berln\n", "'Europe/Berln' is not a time zone; did you mean Europe/Berlin?"),
        ("    reader_grace: 5m\n", "'5m' is shorter than 10m"),
        ("    location: warehouse/ads\n", "'warehouse/ads' is relative"),
        ("    location: ofs://name/ads\n", "is on a file system that cannot be used (ofs:)"),
        ("    location: s3a://bucket/ads\n", "An object store has no folders"),
        ("    row_key: {columns: [id], delimiter: x, widths: [2]}\n", "row_key: give either delimiter or widths"),
        ("    row_key: {columns: [id]}\n", "row_key: give either delimiter or widths"),
        ("    location: /a\n    state: /a/b\n", "FILE:14: tables.ads.performance.state: lies inside the table's"),
        ("    history: [{within: 1h, evry: 1s}]\n", "history[0].evry: unknown key; did you mean every?"),
        ("    history: [{every: 1s}]\n", "FILE:13: tables.ads.performance.history[0].within: is missing"),
        ("    partition_by: [day]\n", 'FILE:13: not valid YAML: found duplicate key "partition_by"'),
        ("  other:\n    hive_table: ads\n", "'ads' is not a table name: write it as database.table"),
        ("  other:\n", "FILE:13: tables.other: must have keys of its own"),
        ("   x: [\n", "FILE:13: not valid YAML"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_key(file: Path, text: str, said: str) -> None:
    assert said in problem(add(file, text))


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("hbase_table: ads", "hbase_tabel: ads", "FILE:7: tables.ads.performance.hbase_tabel: unknown key; did you"),
        ("bigint", "bigit", "FILE:10: tables.ads.performance.columns.clicks: 'bigit' is not a Hive type; did you mean"),
        ("[day]", "day", "FILE:12: tables.ads.performance.partition_by: must be a list"),
        ("[day]", "[]", "FILE:12: tables.ads.performance.partition_by: must not be empty"),
        (
            "[day]",
            "[{nam: day}]",
            "FILE:12: tables.ads.performance.partition_by[0].nam: unknown key; did you mean name?",
        ),
        ("thrift://two", "two:9083", "FILE:2: metastore.uris: 'two:9083' is not a metastore URI"),
        ("there", "there:port", "FILE:4: hbase.thrift[1]: 'there:port' is not host:port"),
        ("  thrift: [here:9090, there]\n", "  servers: rs1\n  zookeeper: zk1\n", "servers and zookeeper is given"),
        (
            "  thrift: [here:9090, there]\n",
            "  timeout: 1m\n",
            "give just one of servers, zookeeper, site and thrift: none is",
        ),
        (GOOD, "- a\n", "FILE:1: expected the keys metastore, hbase and tables"),
    ],
)
def test_a_wrong_value_is_named_with_its_line_and_key(file: Path, right: str, wrong: str, said: str) -> None:
    file.write_text(GOOD.replace(right, wrong))
    assert said in problem(file)


def test_all_mistakes_are_told_at_once(file: Path) -> None:
    assert len(problem(add(file, "    lag: 1\n    overlap: 2\n")).splitlines()) == 2


def test_two_entries_may_not_write_one_hive_table(file: Path) -> None:
    entry = GOOD.partition("tables:\n")[2].replace("ads.performance:", "twin:\n    hive_table: ads.performance")
    assert "FILE:13: tables.twin: writes the same Hive table as ads.performance" in problem(add(file, entry))


def test_a_short_reader_grace_can_be_forced(file: Path) -> None:
    assert load(add(file, "    reader_grace: {time: 1m, force: true}\n")).table().reader_grace == 60.0


def test_a_missing_file_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.yaml")
    assert "$HOTSWAP_CONFIG" in caught.value.hint


def test_a_variable_of_the_environment_is_filled_in(file: Path) -> None:
    settings = load(add(file, 'spark: {a: "x-${WORD}"}\n'), {"WORD": "moon"})
    assert settings.spark["a"].get_secret_value() == "x-moon"


def test_a_variable_that_is_not_set_is_named_with_its_line(file: Path) -> None:
    assert "FILE:13: spark.a: the environment has no variable WORD" in problem(add(file, "spark: {a: '${WORD}'}\n"))


def test_a_secret_is_read_from_the_first_line_of_its_file(file: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("moon\nlight")
    settings = load(add(file, f"spark: {{a: 'file:{tmp_path}/key'}}\n"))
    assert settings.spark["a"].get_secret_value() == "moon"


def test_a_secret_file_that_is_missing_is_named_with_its_line(file: Path) -> None:
    assert "FILE:13: spark.a: the secret's file /no/such cannot be read" in problem(
        add(file, "spark: {a: file:/no/such}\n")
    )


def test_a_secret_does_not_show_in_the_settings(file: Path) -> None:
    settings = load(add(file, "spark: {a: '${WORD}'}\n"), {"WORD": "moonlight"})
    assert "moonlight" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_what_came_from_the_environment_does_not_show_in_an_error(file: Path) -> None:
    message = problem(add(file, "    lag: '${WORD}'\n"), {"WORD": "moonlight"})
    assert "'${WORD}' is not a duration" in message


def test_settings_can_be_made_without_a_file() -> None:
    table = {"hbase_table": "a", "columns": {"id": "string"}, "mapping": ":key", "partition_by": ["id"]}
    data = {"metastore": {"uris": "thrift://a"}, "hbase": {"thrift": "b"}, "tables": {"d.t": table}}
    assert str(Settings.model_validate(data).table().hive_table) == "d.t"


def test_a_mapping_that_cannot_be_used_is_named_with_its_line(file: Path) -> None:
    file.write_text(GOOD.replace("partition_by: [day]", "partition_by: [clik]"))
    with pytest.raises(ConfigError) as caught:
        check_settings(load(file))
    assert caught.value.message.replace(str(file), "FILE").startswith("FILE:12: tables.ads.performance.partition_by")


def test_columns_that_the_transform_computes_need_no_cell(file: Path) -> None:
    text = GOOD.replace("clicks: bigint", "clicks: bigint\n      size: int").replace("[day]", "[clicks]")
    file.write_text(text.replace('":key,f:clicks#b"', '{id: ":key", clicks: "f:clicks"}'))
    with pytest.raises(ConfigError, match="size is not mapped"):
        check_settings(load(file))
    file.write_text(file.read_text() + '    transform: {select: {size: "length(id)"}}\n')
    check_settings(load(file))


def test_without_select_and_where_there_is_no_transform(file: Path) -> None:
    file.write_text(GOOD.replace("[day]", "[clicks]"))
    table = load(file).table()
    assert transform_of(table, mapping_of(table)) is None


@pytest.mark.parametrize("name", ["idd", "clicks"])
def test_files_can_be_sorted_by_their_own_columns_only(file: Path, name: str) -> None:
    """A partition key is in no file."""
    file.write_text(GOOD.replace("[day]", "[clicks]") + f"    sort_by: [{name}]\n")
    message = said(file)
    assert message == f"FILE:13: tables.ads.performance.sort_by: '{name}' is no column of the data files"


def said(file: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        check_settings(load(file))
    return caught.value.message.replace(str(file), "FILE")


@pytest.mark.parametrize("sizes", ["    row_group_bytes: 100KB\n", "    sort_by: clicks\n"])
def test_row_groups_of_nearly_nothing_and_a_bare_column_are_refused(file: Path, sizes: str) -> None:
    with pytest.raises(ConfigError):
        load(add(file, sizes))
