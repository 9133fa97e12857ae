"""Column statistics: values, and their Thrift form.

The calls carry statistics and no location, so that they cannot undo a swap as ANALYZE TABLE can (4-hive-facts, A1). A
server marks the columns as accurate in the partition's COLUMN_STATS_ACCURATE; a swap takes that mark away again.

hmsclient's structs are Hive 2's: 4.x wants to know the engine, and its sketches are no UTF-8 text.
So these are our own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from hmsclient.genthrift.hive_metastore import ThriftHiveMetastore as hive
from hmsclient.genthrift.hive_metastore import ttypes
from thrift.Thrift import TType

from metastore.api import ColumnStatistics, TableName
from metastore.structs import BOOL, STRING, Call, Struct, list_of, map_of, struct

DOUBLE = (TType.DOUBLE, None)
I64 = (TType.I64, None)
I16 = (TType.I16, None)
BINARY = (TType.STRING, "BINARY")
ENGINE = "hive"
_EPOCH = date(1970, 1, 1)


class DecimalValue(Struct):
    fields = ((1, "unscaled", BINARY), (3, "scale", I16))


class DateValue(Struct):
    fields = ((1, "daysSinceEpoch", I64),)


class BooleanData(Struct):
    fields = ((1, "numTrues", I64), (2, "numFalses", I64), (3, "numNulls", I64))


class LongData(Struct):
    fields = ((1, "lowValue", I64), (2, "highValue", I64), (3, "numNulls", I64), (4, "numDVs", I64))


class DoubleData(Struct):
    fields = ((1, "lowValue", DOUBLE), (2, "highValue", DOUBLE), (3, "numNulls", I64), (4, "numDVs", I64))


class StringData(Struct):
    fields = ((1, "maxColLen", I64), (2, "avgColLen", DOUBLE), (3, "numNulls", I64), (4, "numDVs", I64))


class BinaryData(Struct):
    fields = ((1, "maxColLen", I64), (2, "avgColLen", DOUBLE), (3, "numNulls", I64))


class DecimalData(Struct):
    fields = (
        (1, "lowValue", struct(DecimalValue)),
        (2, "highValue", struct(DecimalValue)),
        (3, "numNulls", I64),
        (4, "numDVs", I64),
    )


class DateData(Struct):
    fields = (
        (1, "lowValue", struct(DateValue)),
        (2, "highValue", struct(DateValue)),
        (3, "numNulls", I64),
        (4, "numDVs", I64),
    )


class Data(Struct):
    """A union: one field is set."""

    fields = (
        (1, "booleanStats", struct(BooleanData)),
        (2, "longStats", struct(LongData)),
        (3, "doubleStats", struct(DoubleData)),
        (4, "stringStats", struct(StringData)),
        (5, "binaryStats", struct(BinaryData)),
        (6, "decimalStats", struct(DecimalData)),
        (7, "dateStats", struct(DateData)),
    )


class Described(Struct):
    fields = ((1, "isTblLevel", BOOL), (2, "dbName", STRING), (3, "tableName", STRING), (4, "partName", STRING))


class OfColumn(Struct):
    fields = ((1, "colName", STRING), (2, "colType", STRING), (3, "statsData", struct(Data)))


class OfPartition(Struct):
    fields = ((1, "statsDesc", struct(Described)), (2, "statsObj", list_of(struct(OfColumn))), (4, "engine", STRING))


class SetRequest(Struct):
    fields = ((1, "colStats", list_of(struct(OfPartition))), (2, "needMerge", BOOL), (5, "engine", STRING))


class SetArgs(Struct):
    fields = ((1, "request", struct(SetRequest)),)


class GetRequest(Struct):
    fields = (
        (1, "dbName", STRING),
        (2, "tblName", STRING),
        (3, "colNames", list_of(STRING)),
        (4, "partNames", list_of(STRING)),
        (7, "engine", STRING),
    )


class GetArgs(Struct):
    fields = ((1, "request", struct(GetRequest)),)


class Told(Struct):
    fields = ((1, "partStats", map_of(STRING, (TType.LIST, (*struct(OfColumn), False)))),)


@dataclass(frozen=True, slots=True)
class _Form:
    """How a Hive type's statistics are stored."""

    field: str
    data: Any
    names: tuple[str, ...]


_NUMBERS = ("low", "high", "nulls", "distinct")
_FORMS: Mapping[str, _Form] = {
    **dict.fromkeys(("tinyint", "smallint", "int", "integer", "bigint"), _Form("longStats", LongData, _NUMBERS)),
    "timestamp": _Form("longStats", LongData, _NUMBERS),
    **dict.fromkeys(("float", "double"), _Form("doubleStats", DoubleData, _NUMBERS)),
    **dict.fromkeys(
        ("string", "varchar", "char"), _Form("stringStats", StringData, ("longest", "average", "nulls", "distinct"))
    ),
    "binary": _Form("binaryStats", BinaryData, ("longest", "average", "nulls")),
    "boolean": _Form("booleanStats", BooleanData, ("trues", "falses", "nulls")),
    "decimal": _Form("decimalStats", DecimalData, _NUMBERS),
    "date": _Form("dateStats", DateData, _NUMBERS),
}


def has_statistics(type_: str) -> bool:
    """Whether Hive keeps statistics of such columns: not of arrays, maps and structs."""
    return _base(type_) in _FORMS


def partition_to(name: TableName, partition: str, columns: Sequence[ColumnStatistics]) -> Any:
    """`partition`: its escaped name."""
    described = Described(False, name.database, name.table, partition)
    return OfPartition(described, [OfColumn(c.name, c.type, _data_to(c)) for c in columns], ENGINE)


def columns_from(raw: Sequence[Any]) -> tuple[ColumnStatistics, ...]:
    """What a server tells of one partition's columns, by name."""
    return tuple(sorted((_column_from(item) for item in raw), key=lambda column: column.name))


def _data_to(column: ColumnStatistics) -> Any:
    form = _FORMS[_base(column.type)]
    values = [_value_to(getattr(column, name)) for name in form.names]
    return Data(**{form.field: form.data(*values)})


def _value_to(value: object) -> Any:
    """As Thrift has it: moments in seconds, days since 1970, decimals unscaled."""
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, date):
        return DateValue((value - _EPOCH).days)
    if isinstance(value, Decimal):
        sign, digits, exponent = value.as_tuple()
        assert isinstance(exponent, int)
        unscaled = int("".join(map(str, digits)) or "0") * 10 ** max(exponent, 0) * (-1 if sign else 1)
        size = unscaled.bit_length() // 8 + 1
        return DecimalValue(unscaled.to_bytes(size, "big", signed=True), max(-exponent, 0))
    return value


def _column_from(raw: Any) -> ColumnStatistics:
    form = next((form for form in _FORMS.values() if getattr(raw.statsData, form.field) is not None), None)
    if form is None:
        return ColumnStatistics(raw.colName, raw.colType)
    stored = getattr(raw.statsData, form.field)
    fields = [name for _, name, _ in form.data.fields]
    values = {name: _value_from(getattr(stored, place)) for name, place in zip(form.names, fields, strict=True)}
    return ColumnStatistics(raw.colName, raw.colType, **values)


def _value_from(raw: Any) -> Any:
    if isinstance(raw, DateValue):
        return date.fromordinal(_EPOCH.toordinal() + raw.daysSinceEpoch)
    if isinstance(raw, DecimalValue):
        return Decimal(int.from_bytes(raw.unscaled, "big", signed=True)).scaleb(-raw.scale)
    return raw


def _base(type_: str) -> str:
    return type_.partition("(")[0].partition("<")[0].strip().lower()


class GetResult(Struct):
    fields = (
        (0, "success", struct(Told)),
        (1, "o1", struct(ttypes.NoSuchObjectException)),
        (2, "o2", struct(ttypes.MetaException)),
    )


SET_STATISTICS = Call("set_aggr_stats_for", SetArgs, hive.set_aggr_stats_for_result)
GET_STATISTICS = Call("get_partitions_statistics_req", GetArgs, GetResult)
