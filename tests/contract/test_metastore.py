"""What every metastore does: the in-memory one and the real ones, case by case the same."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hmsclient.genthrift.hive_metastore import ttypes

from metastore import structs
from metastore.accuracy import ACCURATE, accurate_columns
from metastore.api import (
    NULL_PARTITION,
    ORC,
    PARQUET,
    Column,
    ColumnStatistics,
    Lock,
    LockState,
    Metastore,
    Partition,
    Table,
    TableName,
)
from metastore.client import connect
from metastore.errors import AlreadyExists, NoSuchDatabase, NoSuchLock, NoSuchPartition, NoSuchTable, Refused
from metastore.fence import fence_values, list_fences
from metastore.memory import InMemoryMetastore
from tests.servers import METASTORES

DATABASE = "contract"
COLUMNS = (Column("id", "bigint"), Column("title", "string", "as shown"))
KEYS = (Column("day", "date"), Column("kind", "string"))
ESCAPED = "\"#%'*/:=?\\\x7f{[]^" + "".join(map(chr, range(1, 32)))
VALUES = (*ESCAPED, ESCAPED, "a b", " ", "ünï 漢 🙂", "}", "%41", "a=b/c", "..", "x" * 200)
_numbers = itertools.count()


@dataclass(frozen=True)
class House:
    """A metastore, and a place that it can make directories in."""

    metastore: Metastore
    warehouse: str

    def new_name(self) -> TableName:
        return TableName(DATABASE, f"t{os.getpid()}_{next(_numbers)}")

    def new_table(self, **changes: Any) -> Table:
        name = self.new_name()
        made = Table(name, COLUMNS, KEYS, f"{self.warehouse}/{name.table}", PARQUET, parameters={"made.by": "test"})
        self.metastore.create_table(replace(made, **changes))
        return self.metastore.table(name)


def part(table: Table, *values: str, **changes: Any) -> Partition:
    made = Partition(values, f"{table.location}/v{next(_numbers)}", table.columns, table.format)
    return replace(made, **changes)


def locations(house: House, table: Table) -> dict[tuple[str, ...], str]:
    return {p.values: p.location for p in house.metastore.all_partitions(table.name)}


def undated(parameters: object) -> dict[str, str]:
    """Without what the server adds by its own clock."""
    return {k: v for k, v in dict(parameters).items() if k != "transient_lastDdlTime"}  # type: ignore[call-overload]


@pytest.fixture(params=["memory 2.3.10", "memory 3.1.3", "memory 4.0.1", *METASTORES], scope="module")
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    warehouse = f"file:{tmp_path_factory.mktemp('contract')}"
    kind, _, version = request.param.partition(" ")
    metastore: Metastore = (
        InMemoryMetastore(version)
        if kind == "memory"
        else connect([request.getfixturevalue(METASTORES[request.param]).uri])
    )
    if not metastore.database_exists(DATABASE):
        metastore.create_database(DATABASE, f"{warehouse}/{DATABASE}.db")
    yield House(metastore, warehouse)
    metastore.close()


@pytest.fixture
def metastore(house: House) -> Metastore:
    return house.metastore


@pytest.fixture
def table(house: House) -> Table:
    return house.new_table()


class TestDatabases:
    def test_a_database_exists_once_created_whatever_its_case(self, metastore: Metastore) -> None:
        assert metastore.database_exists("Contract")

    def test_a_database_that_nobody_created_does_not_exist(self, metastore: Metastore) -> None:
        assert not metastore.database_exists("nobody_made_this")

    def test_a_database_is_created_only_once(self, metastore: Metastore) -> None:
        with pytest.raises(AlreadyExists):
            metastore.create_database(DATABASE)


class TestTables:
    def test_a_table_comes_back_as_it_was_created(self, house: House) -> None:
        keys = (Column("Day", "date", "of the event"),)
        table = house.new_table(format=ORC, parameters={"a": "1", "ü": "ö"}, owner="olga", partition_keys=keys)
        assert (table.columns, table.partition_keys, table.format) == (COLUMNS, keys, ORC)
        assert (table.kind, table.owner) == ("EXTERNAL_TABLE", "olga")
        assert undated(table.parameters) == {"EXTERNAL": "TRUE", "a": "1", "ü": "ö"}
        assert table.location.startswith(house.warehouse)

    def test_a_table_is_found_in_any_case(self, metastore: Metastore, table: Table) -> None:
        assert metastore.table(TableName(DATABASE.upper(), table.name.table.upper())).name == table.name

    def test_the_server_dates_a_new_table(self, table: Table) -> None:
        assert table.create_time > 1_600_000_000

    def test_a_table_that_exists_is_not_created_again(self, metastore: Metastore, table: Table) -> None:
        with pytest.raises(AlreadyExists):
            metastore.create_table(table)

    def test_a_table_needs_its_database(self, house: House, table: Table) -> None:
        with pytest.raises(NoSuchDatabase):
            house.metastore.create_table(replace(table, name=TableName("nobody_made_this", "t")))

    def test_setting_parameters_changes_nothing_else(self, metastore: Metastore, table: Table) -> None:
        metastore.alter_table_parameters(table.name, {"new": "1"}, remove=["made.by", "never there"])
        after = metastore.table(table.name)
        assert undated(after.parameters) == {"EXTERNAL": "TRUE", "new": "1"}
        assert replace(after, parameters=table.parameters) == table

    def test_setting_table_parameters_leaves_partitions_alone(self, metastore: Metastore, table: Table) -> None:
        metastore.add_partitions(table.name, [part(table, "2026-01-01", "a", parameters={"numRows": "3"})])
        before = metastore.all_partitions(table.name)
        metastore.alter_table_parameters(table.name, {"new": "1"})
        assert metastore.all_partitions(table.name) == before

    def test_added_columns_come_last_and_leave_partitions_alone(self, metastore: Metastore, table: Table) -> None:
        metastore.add_partitions(table.name, [part(table, "2026-01-01", "a")])
        before = metastore.all_partitions(table.name)
        metastore.add_columns(table.name, [Column("added", "decimal(10,2)")])
        after = metastore.table(table.name)
        assert after.columns == (*table.columns, Column("added", "decimal(10,2)"))
        assert replace(after, columns=table.columns, parameters=table.parameters) == table
        assert metastore.all_partitions(table.name) == before

    def test_a_dropped_table_is_gone(self, metastore: Metastore, table: Table) -> None:
        metastore.drop_table(table.name)
        with pytest.raises(NoSuchTable):
            metastore.table(table.name)

    @pytest.mark.parametrize(
        "use",
        [
            pytest.param(lambda m, t: m.table(t.name), id="table"),
            pytest.param(lambda m, t: m.alter_table_parameters(t.name, {"a": "b"}), id="alter_table_parameters"),
            pytest.param(lambda m, t: m.add_columns(t.name, [Column("a", "int")]), id="add_columns"),
            pytest.param(lambda m, t: m.drop_table(t.name), id="drop_table"),
            pytest.param(lambda m, t: m.partition_names(t.name), id="partition_names"),
            pytest.param(lambda m, t: m.partitions(t.name, [("2026-01-01", "a")]), id="partitions"),
            pytest.param(lambda m, t: m.all_partitions(t.name), id="all_partitions"),
            pytest.param(lambda m, t: m.add_partitions(t.name, [part(t, "2026-01-01", "a")]), id="add_partitions"),
            pytest.param(lambda m, t: m.alter_partitions(t.name, [part(t, "2026-01-01", "a")]), id="alter_partitions"),
            pytest.param(lambda m, t: m.drop_partition(t.name, ("2026-01-01", "a")), id="drop_partition"),
        ],
    )
    def test_a_missing_table_is_told_as_such(
        self, metastore: Metastore, table: Table, use: Callable[[Metastore, Table], object]
    ) -> None:
        metastore.drop_table(table.name)
        with pytest.raises(NoSuchTable):
            use(metastore, table)


class TestReadingPartitions:
    def test_a_new_table_has_no_partitions(self, metastore: Metastore, table: Table) -> None:
        assert (metastore.partition_names(table.name), metastore.all_partitions(table.name)) == ((), ())

    def test_partitions_come_in_the_order_asked_for_without_absent_ones(
        self, metastore: Metastore, table: Table
    ) -> None:
        metastore.add_partitions(table.name, [part(table, "2026-01-01", k) for k in "abc"])
        asked = [("2026-01-01", k) for k in "czab"]
        assert [p.values[1] for p in metastore.partitions(table.name, asked)] == ["c", "a", "b"]

    def test_a_partition_asked_for_twice_comes_once(self, metastore: Metastore, table: Table) -> None:
        metastore.add_partitions(table.name, [part(table, "2026-01-01", "a")])
        assert len(metastore.partitions(table.name, [("2026-01-01", "a")] * 2)) == 1

    def test_asking_for_no_partition_gives_none(self, metastore: Metastore, table: Table) -> None:
        metastore.add_partitions(table.name, [part(table, "2026-01-01", "a")])
        assert metastore.partitions(table.name, []) == ()

    def test_names_and_all_partitions_are_in_one_order(self, metastore: Metastore, table: Table) -> None:
        metastore.add_partitions(table.name, [part(table, "2026-01-01", k) for k in "b ä/aB"])
        names = metastore.partition_names(table.name)
        assert tuple(p.values for p in metastore.all_partitions(table.name)) == names

    def test_any_value_comes_back_as_it_was(self, metastore: Metastore, table: Table) -> None:
        values = {("2026-01-01", v) for v in VALUES}
        metastore.add_partitions(table.name, [part(table, *v) for v in values])
        assert set(metastore.partition_names(table.name)) == values
        assert {p.values for p in metastore.partitions(table.name, list(values))} == values

    def test_null_and_empty_are_the_default_partition(self, metastore: Metastore, table: Table) -> None:
        metastore.add_partitions(table.name, [part(table, "2026-01-01", "")])
        assert metastore.partition_names(table.name) == (("2026-01-01", NULL_PARTITION),)
        assert len(metastore.partitions(table.name, [("2026-01-01", "")])) == 1
        assert metastore.all_partitions(table.name)[0].values == ("2026-01-01", NULL_PARTITION)


class TestAddingPartitions:
    def test_a_partition_comes_back_as_it_was_added(self, metastore: Metastore, table: Table) -> None:
        columns = (Column("id", "bigint"), Column("other", "array<string>", "new"))
        added = part(table, "2026-01-01", "a", columns=columns, format=ORC, parameters={"numRows": "7", "x": "ü"})
        metastore.add_partitions(table.name, [added])
        [found] = metastore.all_partitions(table.name)
        assert undated(found.parameters).items() >= added.parameters.items()
        assert replace(found, parameters=added.parameters, create_time=0) == added

    def test_the_server_dates_a_new_partition(self, metastore: Metastore, table: Table) -> None:
        metastore.add_partitions(table.name, [part(table, "2026-01-01", "a")])
        assert metastore.all_partitions(table.name)[0].create_time > 1_600_000_000

    def test_if_one_exists_none_is_added(self, metastore: Metastore, table: Table) -> None:
        metastore.add_partitions(table.name, [part(table, "2026-01-01", "b")])
        with pytest.raises(AlreadyExists):
            metastore.add_partitions(table.name, [part(table, "2026-01-01", k) for k in "abc"])
        assert metastore.partition_names(table.name) == (("2026-01-01", "b"),)

    def test_one_named_twice_is_refused_and_none_is_added(self, metastore: Metastore, table: Table) -> None:
        with pytest.raises(Refused):
            metastore.add_partitions(table.name, [part(table, "2026-01-01", k) for k in "aba"])
        assert metastore.partition_names(table.name) == ()

    def test_the_wrong_number_of_values_is_refused(self, metastore: Metastore, table: Table) -> None:
        with pytest.raises(Refused):
            metastore.add_partitions(table.name, [part(table, "2026-01-01")])

    def test_adding_nothing_does_nothing(self, metastore: Metastore, table: Table) -> None:
        metastore.add_partitions(table.name, [])
        assert metastore.partition_names(table.name) == ()

    def test_a_partition_without_columns_is_not_sent(self, metastore: Metastore, table: Table) -> None:
        with pytest.raises(ValueError, match="no columns"):
            metastore.add_partitions(table.name, [part(table, "2026-01-01", "a", columns=())])


class TestAlteringPartitions:
    @pytest.fixture
    def three(self, metastore: Metastore, table: Table) -> list[Partition]:
        metastore.add_partitions(table.name, [part(table, "2026-01-01", k, parameters={"numRows": "1"}) for k in "abc"])
        return list(metastore.all_partitions(table.name))

    def test_all_named_partitions_move_and_no_other(self, house: House, table: Table, three: list[Partition]) -> None:
        a, b, c = three
        house.metastore.alter_partitions(
            table.name, [replace(a, location=f"{a.location}x"), replace(c, location=f"{c.location}x")]
        )
        assert locations(house, table) == {a.values: f"{a.location}x", b.values: b.location, c.values: f"{c.location}x"}

    def test_if_one_is_missing_none_moves(self, house: House, table: Table, three: list[Partition]) -> None:
        before = locations(house, table)
        gone = part(table, "2026-01-01", "gone")
        with pytest.raises(NoSuchPartition) as caught:
            house.metastore.alter_partitions(table.name, [*(replace(p, location="file:/x") for p in three), gone])
        assert (caught.value.values, locations(house, table)) == ((gone.values,), before)

    def test_if_the_first_is_missing_none_moves(self, house: House, table: Table, three: list[Partition]) -> None:
        before = locations(house, table)
        gone = part(table, "0001-01-01", "gone")
        with pytest.raises(NoSuchPartition):
            house.metastore.alter_partitions(table.name, [gone, *(replace(p, location="file:/x") for p in three)])
        assert locations(house, table) == before

    def test_of_duplicates_the_last_wins_before_4_and_none_from_4_on(
        self, house: House, table: Table, three: list[Partition]
    ) -> None:
        a = three[0]
        with suppress(Refused):
            house.metastore.alter_partitions(table.name, [replace(a, location=f"{a.location}{n}") for n in (1, 2)])
        refused = house.metastore.server().version >= (4, 0, 0)
        assert locations(house, table)[a.values] == (a.location if refused else f"{a.location}2")

    def test_parameters_are_taken_verbatim_statistics_included(
        self, metastore: Metastore, table: Table, three: list[Partition]
    ) -> None:
        wanted = {
            "numRows": "12345",
            "numFiles": "7",
            "totalSize": "99",
            "rawDataSize": "-1",
            "COLUMN_STATS_ACCURATE": '{"BASIC_STATS":"true"}',
            "transient_lastDdlTime": "1234567890",
            "hotswap.batch": "17",
        }
        metastore.alter_partitions(table.name, [replace(three[0], parameters=wanted)])
        assert metastore.partitions(table.name, [three[0].values])[0].parameters == wanted

    def test_columns_and_format_follow_the_call(
        self, metastore: Metastore, table: Table, three: list[Partition]
    ) -> None:
        wanted = replace(three[0], columns=(*COLUMNS, Column("later", "double")), format=ORC)
        metastore.alter_partitions(table.name, [wanted])
        assert metastore.partitions(table.name, [wanted.values]) == (wanted,)

    def test_the_create_time_stays(self, metastore: Metastore, table: Table, three: list[Partition]) -> None:
        metastore.alter_partitions(table.name, [replace(three[0], location="file:/x")])
        assert metastore.partitions(table.name, [three[0].values])[0].create_time == three[0].create_time

    def test_altering_a_partition_to_itself_changes_nothing(
        self, metastore: Metastore, table: Table, three: list[Partition]
    ) -> None:
        metastore.alter_partitions(table.name, three)
        assert list(metastore.all_partitions(table.name)) == three

    def test_what_the_value_does_not_show_survives_a_swap(self, metastore: Metastore, table: Table) -> None:
        sd = structs.StorageDescriptor(
            compressed=True,
            numBuckets=4,
            bucketCols=["id"],
            sortCols=[ttypes.Order("title", 1)],
            parameters={"sd": "parameter"},
            skewedInfo=structs.SkewedInfo(["id"], [["1"], ["2"]], {("1",): "file:/skewed/1"}),
            storedAsSubDirectories=True,
        )
        rest = structs.Partition(sd=sd)
        metastore.add_partitions(table.name, [part(table, "2026-01-01", "a", rest=rest)])
        [before] = metastore.all_partitions(table.name)
        metastore.alter_partitions(table.name, [replace(before, location="file:/elsewhere", parameters={"p": "q"})])
        [after] = metastore.all_partitions(table.name)
        shown = ("compressed", "numBuckets", "bucketCols", "sortCols", "skewedInfo", "storedAsSubDirectories")
        assert [getattr(after.rest.sd, f) for f in shown] == [getattr(sd, f) for f in shown]  # type: ignore[attr-defined]

    def test_altering_nothing_does_nothing(self, metastore: Metastore, table: Table, three: list[Partition]) -> None:
        metastore.alter_partitions(table.name, [])
        assert list(metastore.all_partitions(table.name)) == three

    def test_changing_a_value_that_was_read_changes_nothing_stored(
        self, metastore: Metastore, table: Table, three: list[Partition]
    ) -> None:
        three[0].parameters["numRows"] = "changed"  # type: ignore[index]
        three[0].format.serde_parameters["changed"] = "changed"  # type: ignore[index]
        [stored] = metastore.partitions(table.name, [three[0].values])
        assert (stored.parameters["numRows"], stored.format) == ("1", PARQUET)

    def test_a_thousand_partitions_move_in_one_call(self, house: House, table: Table) -> None:
        many = [part(table, "2026-01-01", f"k{n:04}") for n in range(1000)]
        house.metastore.add_partitions(table.name, many)
        read = house.metastore.partitions(table.name, [p.values for p in many])
        house.metastore.alter_partitions(table.name, [replace(p, location=f"{p.location}x") for p in read])
        assert locations(house, table) == {p.values: f"{p.location}x" for p in many}


KNOWN = (
    ColumnStatistics("amount", "decimal(12,2)", nulls=0, distinct=3, low=Decimal("-1.50"), high=Decimal("1234567.89")),
    ColumnStatistics("clicks", "bigint", nulls=1, distinct=2, low=-5, high=2**40),
    ColumnStatistics("day_of", "date", nulls=0, distinct=1, low=date(2026, 1, 1), high=date(2026, 1, 31)),
    ColumnStatistics("flag", "boolean", nulls=0, trues=3, falses=4),
    ColumnStatistics("raw", "binary", nulls=2, longest=9, average=4.5),
    ColumnStatistics("share", "double", nulls=0, distinct=7, low=-0.5, high=0.25),
    ColumnStatistics("title", "string", nulls=0, distinct=9, longest=20, average=7.5),
)


class TestColumnStatistics:
    @pytest.fixture
    def known(self, house: House) -> Table:
        table = house.new_table(columns=tuple(Column(item.name, item.type) for item in KNOWN))
        house.metastore.add_partitions(table.name, [part(table, "2026-01-01", "a"), part(table, "2026-01-01", "b")])
        return table

    def test_they_come_back_as_they_were_set(self, metastore: Metastore, known: Table) -> None:
        values = [("2026-01-01", "a"), ("2026-01-01", "b")]
        metastore.set_column_statistics(known.name, {values[0]: KNOWN})
        assert metastore.column_statistics(known.name, values, [item.name for item in KNOWN]) == {values[0]: KNOWN}

    def test_setting_them_again_takes_the_place_of_the_first(self, metastore: Metastore, known: Table) -> None:
        values = ("2026-01-01", "a")
        for clicks in (KNOWN[1], replace(KNOWN[1], high=7)):
            metastore.set_column_statistics(known.name, {values: [clicks]})
        assert metastore.column_statistics(known.name, [values], ["clicks"])[values][0].high == 7

    def test_setting_them_moves_nothing_and_changes_no_other_parameter(self, house: House, known: Table) -> None:
        before = house.metastore.all_partitions(known.name)
        house.metastore.set_column_statistics(known.name, {item.values: KNOWN for item in before})
        after = house.metastore.all_partitions(known.name)
        assert [item.location for item in after] == [item.location for item in before]
        for old, new in zip(before, after, strict=True):
            assert {**undated(old.parameters), ACCURATE: ""} == {**undated(new.parameters), ACCURATE: ""}

    def test_the_server_marks_the_columns_as_accurate(self, metastore: Metastore, known: Table) -> None:
        metastore.set_column_statistics(known.name, {("2026-01-01", "a"): KNOWN[:2]})
        (marked,) = metastore.partitions(known.name, [("2026-01-01", "a")])
        assert accurate_columns(marked.parameters) == {"amount", "clicks"}

    def test_a_partition_that_is_not_there_is_told(self, metastore: Metastore, known: Table) -> None:
        with pytest.raises(NoSuchPartition):
            metastore.set_column_statistics(known.name, {("2026-01-01", "gone"): KNOWN})

    def test_every_finite_double_is_kept(self, metastore: Metastore, known: Table) -> None:
        """Infinity is not: a metastore on Derby refuses the whole call."""
        values, share = ("2026-01-01", "a"), next(item for item in KNOWN if item.type == "double")
        for low in (5e-324, -2.2250738585072014e-308, 1.7976931348623157e308):
            metastore.set_column_statistics(known.name, {values: [replace(share, low=low, high=low)]})
            assert metastore.column_statistics(known.name, [values], ["share"])[values][0].high == low

    def test_setting_none_does_nothing(self, metastore: Metastore, known: Table) -> None:
        metastore.set_column_statistics(known.name, {})
        assert metastore.column_statistics(known.name, [("2026-01-01", "a")], ["clicks"]) == {}


class TestDroppingPartitions:
    def test_only_the_dropped_partition_is_gone(self, metastore: Metastore, table: Table) -> None:
        metastore.add_partitions(table.name, [part(table, "2026-01-01", k) for k in "ab"])
        assert metastore.drop_partition(table.name, ("2026-01-01", "a"))
        assert metastore.partition_names(table.name) == (("2026-01-01", "b"),)

    def test_dropping_what_is_not_there_is_told(self, metastore: Metastore, table: Table) -> None:
        assert not metastore.drop_partition(table.name, ("2026-01-01", "a"))

    def test_the_default_partition_can_be_dropped(self, metastore: Metastore, table: Table) -> None:
        metastore.add_partitions(table.name, [part(table, "2026-01-01", "")])
        assert metastore.drop_partition(table.name, ("2026-01-01", NULL_PARTITION))

    def test_several_go_in_one_call_and_their_data_stays(self, house: House, table: Table) -> None:
        parts = [part(table, "2026-01-01", k) for k in "abc"]
        house.metastore.add_partitions(table.name, parts)
        house.metastore.drop_partitions(table.name, [parts[0].values, parts[2].values])
        assert house.metastore.partition_names(table.name) == (parts[1].values,)

    def test_a_drop_that_names_a_dropped_fence_drops_nothing(self, house: House, table: Table) -> None:
        fence = part(table, *(fence_values(KEYS, 8) or ()))
        data = part(table, "2026-01-01", "a")
        house.metastore.add_partitions(table.name, [fence, data])
        house.metastore.drop_partition(table.name, fence.values)
        with pytest.raises(Refused):
            house.metastore.drop_partitions(table.name, [fence.values, data.values])
        assert house.metastore.partition_names(table.name) == (data.values,)

    def test_a_swap_that_names_a_dropped_fence_moves_nothing(self, house: House, table: Table) -> None:
        fence = part(table, *(fence_values(KEYS, 7) or ()))
        data = part(table, "2026-01-01", "a")
        house.metastore.add_partitions(table.name, [fence, data])
        assert list_fences(house.metastore, table.name) == (fence.values,)
        house.metastore.drop_partition(table.name, fence.values)
        with pytest.raises(Refused):
            house.metastore.alter_partitions(table.name, [fence, replace(data, location="file:/x")])
        assert locations(house, table) == {data.values: data.location}


class TestLocks:
    @pytest.fixture
    def take(self, metastore: Metastore, table: Table) -> Iterator[Callable[[str], Lock]]:
        yield lambda agent: metastore.lock(table.name, "olga", "here", agent)
        for info in metastore.locks(table.name):
            metastore.unlock(info.id)

    def test_the_first_acquires_and_the_second_waits(self, take: Callable[[str], Lock]) -> None:
        assert [take("one").state, take("two").state] == [LockState.ACQUIRED, LockState.WAITING]

    def test_the_second_acquires_when_the_first_unlocks(
        self, metastore: Metastore, take: Callable[[str], Lock]
    ) -> None:
        one, two = take("one"), take("two")
        metastore.unlock(one.id)
        assert metastore.check_lock(two.id) == Lock(two.id, LockState.ACQUIRED)

    def test_the_queue_is_served_in_order(self, metastore: Metastore, take: Callable[[str], Lock]) -> None:
        one, two, three = take("one"), take("two"), take("three")
        metastore.unlock(one.id)
        assert metastore.check_lock(three.id).state is LockState.WAITING
        assert metastore.check_lock(two.id).state is LockState.ACQUIRED

    def test_a_waiting_lock_that_is_given_up_stands_in_nobodys_way(
        self, metastore: Metastore, take: Callable[[str], Lock]
    ) -> None:
        one, two, three = take("one"), take("two"), take("three")
        metastore.unlock(two.id)
        metastore.unlock(one.id)
        assert metastore.check_lock(three.id).state is LockState.ACQUIRED

    def test_locks_of_different_tables_do_not_meet(self, house: House, take: Callable[[str], Lock]) -> None:
        take("one")
        other = house.new_table()
        assert house.metastore.lock(other.name, "olga", "here", "two").state is LockState.ACQUIRED

    def test_locks_are_shown_with_their_owners(
        self, metastore: Metastore, table: Table, take: Callable[[str], Lock]
    ) -> None:
        held, waiting = take("one"), take("two")
        shown = metastore.locks(table.name)
        assert [(i.id, i.state, i.agent) for i in shown] == [
            (held.id, held.state, "one"),
            (waiting.id, waiting.state, "two"),
        ]
        assert {(i.user, i.host, i.database, i.table) for i in shown} == {("olga", "here", *str(table.name).split("."))}

    def test_a_held_lock_shows_since_when(
        self, metastore: Metastore, table: Table, take: Callable[[str], Lock]
    ) -> None:
        take("one")
        [shown] = metastore.locks(table.name)
        assert shown.acquired_at is not None
        assert shown.last_heartbeat is not None
        assert shown.last_heartbeat >= shown.acquired_at > 1_600_000_000

    def test_a_heartbeat_of_a_held_lock_is_taken(self, metastore: Metastore, take: Callable[[str], Lock]) -> None:
        one = take("one")
        metastore.heartbeat(one.id)
        assert metastore.check_lock(one.id).state is LockState.ACQUIRED

    def test_a_heartbeat_of_an_unknown_lock_is_told(self, metastore: Metastore) -> None:
        with pytest.raises(NoSuchLock):
            metastore.heartbeat(987_654_321)

    def test_checking_an_unknown_lock_is_told(self, metastore: Metastore) -> None:
        with pytest.raises(NoSuchLock):
            metastore.check_lock(987_654_321)

    def test_unlocking_twice_does_no_harm(
        self, metastore: Metastore, table: Table, take: Callable[[str], Lock]
    ) -> None:
        one = take("one")
        metastore.unlock(one.id)
        metastore.unlock(one.id)
        assert metastore.locks(table.name) == ()

    def test_a_lock_stops_no_swap(self, house: House, table: Table, take: Callable[[str], Lock]) -> None:
        data = part(table, "2026-01-01", "a")
        house.metastore.add_partitions(table.name, [data])
        take("one")
        house.metastore.alter_partitions(table.name, [replace(data, location="file:/x")])
        assert locations(house, table) == {data.values: "file:/x"}


def test_the_server_tells_its_version(metastore: Metastore) -> None:
    server = metastore.server()
    assert server.version >= (2, 3, 0)
    assert (server.uuid is None) == (server.version < (3, 0, 0))


def test_the_server_tells_its_settings(metastore: Metastore) -> None:
    assert metastore.setting("hive.txn.timeout")


def test_a_setting_that_nobody_made_is_none(metastore: Metastore) -> None:
    assert metastore.setting("hive.hotswap.no.such.setting") is None


def test_a_setting_that_servers_keep_to_themselves_is_none(metastore: Metastore) -> None:
    assert metastore.setting("java.home") is None
