"""Events of a log to rows: each message's fate follows from the message alone, and none is lost on the way."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loader.mapping import MappingError
from loader.mapping.events.event_mapping import EventMapping, build_event_mapping
from loader.mapping.sql.transform import SqlTransform
from loader.sources.api import MESSAGES
from loader.sources.event_rows import rows_of

COLUMNS = {
    "id": "string",
    "clicks": "int",
    "cost": "decimal(12,2)",
    "share": "double",
    "good": "boolean",
    "ts": "timestamp",
    "day": "date",
    "short": "varchar(3)",
    "at": "timestamp",
    "offset": "bigint",
    "part": "string",
}
FIELDS: dict[str, tuple[str, str | None]] = {
    "clicks": ("counts.clicks", None),
    "at": ("ms", "timestamp_ms"),
    "offset": (":at", None),
    "part": (":part", None),
}
BY = [{"name": "on", "type": "string", "from": "id", "as": "prefix(1)"}]


def mapping(**changes: Any) -> EventMapping:
    given: dict[str, Any] = {"columns": COLUMNS, "fields": FIELDS, "partition_by": BY, "time_zone": "UTC"} | changes
    return build_event_mapping("json", **given)


def messages(*values: bytes | None, start: int = 0) -> pa.Table:
    count = len(values)
    columns = [
        pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array(["t-0"])),
        pa.array(range(start, start + count), pa.int64()),
        pa.array([1_700_000_000_000] * count, pa.int64()),
        pa.nulls(count, pa.binary()),
        pa.array(values, pa.binary()),
    ]
    return pa.Table.from_arrays(columns, schema=MESSAGES)


FULL = {
    "id": "a1",
    "counts": {"clicks": 7, "views": 9},
    "cost": 1.10,
    "share": 0.25,
    "good": True,
    "ts": "2026-12-01T10:00:00.5+01:00",
    "day": "2026-12-01",
    "short": "äöü",
    "ms": 1_700_000_000_123,
    "more": [1, {"x": None}],
}


def test_each_column_has_its_field_and_its_type() -> None:
    found = mapping().decode(messages(json.dumps(FULL).encode(), start=41))
    assert found.rows.to_pylist() == [
        {
            "id": "a1",
            "clicks": 7,
            "cost": Decimal("1.10"),
            "share": 0.25,
            "good": True,
            "ts": datetime(2026, 12, 1, 9, 0, 0, 500_000, tzinfo=UTC).replace(tzinfo=None),
            "day": date(2026, 12, 1),
            "short": "äöü",
            "at": datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC).replace(tzinfo=None),
            "offset": 41,
            "part": "t-0",
        }
    ]
    assert (found.partitions, found.rejected, found.filtered) == ((("a",),), (), 0)


def test_what_is_missing_or_null_is_null() -> None:
    found = mapping().decode(messages(b'{"id": "x"}', b'{"id": "y", "counts": null, "cost": null, "ms": null}'))
    assert [(row["id"], row["clicks"], row["cost"], row["at"]) for row in found.rows.to_pylist()] == [
        ("x", None, None, None),
        ("y", None, None, None),
    ]


BAD: list[tuple[bytes | None, str, str | None]] = [
    (None, "it has no value", None),
    (b"", "Empty", None),
    (b"no json", "no readable JSON", None),
    (b'{"id": "a"', "no readable JSON", None),
    (b'{"id": "a"}{"id": "b"}', "2 JSON objects instead of one", None),
    (b"[]", "no readable JSON", None),
    (b'{"id": 7}', "field id is a number, and not a string", "id"),
    (b'{"id": "a", "counts": 5}', "field counts is a number, and not a object", None),
    (b'{"id": "a", "counts": {"clicks": "5"}}', "field counts.clicks is a string, and not a number", "clicks"),
    (b'{"id": "a", "counts": {"clicks": 3000000000}}', "3000000000", None),
    (b'{"id": "a", "counts": {"clicks": 1.5}}', "1.5", None),
    (b'{"id": "a", "cost": 1.105}', "scale 3", None),
    (b'{"id": "a", "day": "2026-02-30"}', "no date", "day"),
    (b'{"id": "a", "day": "2026-2-3"}', "no date", "day"),
    (b'{"id": "a", "ts": "yesterday"}', "yesterday", None),
    (b'{"id": "a", "short": "four"}', "longer than varchar(3)", "short"),
    (b'{"id": "a", "ms": 9223372036854775807}', "so far away", "at"),
    (b'{"id": "a", "ms": 253402300800000}', "not in the years", "at"),
    (b'{"id": "\xff"}', "UTF8", None),
    (b'{"id": "\\ud800"}', "surrogate", None),
    (b'{"id": "a", "id": "b"}', "twice", None),
]


@pytest.mark.parametrize(("value", "told", "column"), BAD, ids=lambda it: str(it)[:40])
def test_a_bad_event_is_rejected_with_place_bytes_and_reason(
    value: bytes | None, told: str, column: str | None
) -> None:
    found = mapping().decode(messages(b'{"id": "good"}', value, b'{"id": "too"}', start=8))
    assert found.rows["id"].to_pylist() == ["good", "too"]
    (rejected,) = found.rejected
    assert (rejected.key, rejected.column) == (b"t-0@9", column)
    assert told in rejected.reason
    assert [cell[3] for cell in rejected.cells] == ([value] if value else [])


SOME = st.sampled_from(
    [json.dumps(FULL).encode(), b'{"id": "ok"}', b' {"id": "blank"}\n', b'{\n"id": "lines"}', *(bad[0] for bad in BAD)]
)
TEXTS = st.text().map(lambda text: json.dumps({"id": text, "counts": {"clicks": len(text)}}).encode())
BROKEN = st.binary(max_size=30)
NUMBERS = st.floats().map(lambda number: json.dumps({"id": "n", "share": number, "cost": number}).encode())


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(SOME, TEXTS, BROKEN, NUMBERS), max_size=40))
def test_the_fate_of_an_event_does_not_depend_on_its_batch(values: list[bytes | None]) -> None:
    mine = mapping()
    together = mine.decode(messages(*values))
    alone = [mine.decode(messages(value, start=place)) for place, value in enumerate(values)]
    rows = [row for one in alone for row in one.rows.to_pylist()]
    assert repr(together.rows.to_pylist()) == repr(rows)
    assert [(it.key, it.column) for it in together.rejected] == [
        (it.key, it.column) for one in alone for it in one.rejected
    ]
    assert len(together.rows) + len(together.rejected) == len(values)


def test_many_bad_ones_among_many_good_ones() -> None:
    values = [b"bad" if number % 97 == 5 else json.dumps(FULL).encode() for number in range(5_000)]
    found = mapping().decode(messages(*values))
    assert len(found.rejected) == sum(value == b"bad" for value in values)
    assert found.rows["offset"].to_pylist() == [place for place, value in enumerate(values) if value != b"bad"]


def test_a_value_larger_than_a_block_is_read() -> None:
    large = json.dumps({"id": "x" * 3_000_000}).encode()
    found = mapping().decode(messages(large, b'{"id": "y"}'))
    assert [len(name) for name in found.rows["id"].to_pylist()] == [3_000_000, 1]


def test_a_filter_drops_and_a_select_fills() -> None:
    mine = mapping(columns={**COLUMNS, "twice": "bigint"}, computed=["twice"])
    transform = SqlTransform({"twice": "clicks * 2"}, "clicks > 1", mine)
    values = [json.dumps({"id": "a", "counts": {"clicks": number}}).encode() for number in range(4)]
    found = mine.decode(messages(*values, b"bad"), transform)
    assert (found.rows["twice"].to_pylist(), found.filtered, len(found.rejected)) == ([4, 6], 2, 1)


def test_rows_go_to_their_partitions_and_unused_ones_are_not_told() -> None:
    found = mapping().decode(
        messages(b'{"id": "b"}', b'{"id": "a"}', b'{"id": "b2"}', b'{"id": "zz", "short": "four"}')
    )
    assert sorted(found.partitions) == [("a",), ("b",)]
    places = [found.partitions[target][0] for target in found.targets.tolist()]
    assert places == ["b", "a", "b"]


def test_they_become_what_a_batch_takes() -> None:
    read = rows_of(mapping())(messages(b'{"id": "b"}', b"bad"))
    assert read.rows.column_names[:5] == [":key", ":hash", ":op", ":version", ":target"]
    assert read.rows[":version"].to_pylist() == [1_700_000_000_000]
    assert len(read.rejected) == 1
    assert len(rows_of(mapping())(MESSAGES.empty_table()).rows) == 0
    assert read.rows.schema.names[5:] == list(COLUMNS)
    assert np.asarray(read.rows[":target"]).dtype == np.int32


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"fields": {"clock": ("ms", None)}}, "fields names clock, which is no column"),
        ({"fields": {"id": (":offset", None)}}, "a log says nothing called :offset"),
        ({"fields": {"clicks": (":at", None)}}, "clicks is :at and int"),
        ({"fields": {"id": ("a..b", None)}}, "names no field"),
        ({"fields": {"at": ("ms", "timestamp_ns")}}, "is no type of a field"),
        ({"fields": {"clicks": ("ms", "timestamp_ms")}}, "makes a timestamp"),
        (
            {"fields": {"id": ("a", None), "short": ("a.b", None)}},
            "a is read as a value by id, and by short as an object",
        ),
        ({"columns": {"id": "string", "m": "map<string,int>"}, "fields": {}}, "which no field of a message is read as"),
        ({"partition_by": ["nothing"]}, "which is no column"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(MappingError, match=told):
        mapping(**changes)
