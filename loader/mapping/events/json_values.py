"""JSON messages to columns by Arrow's reader: many at once, and one by one where a block has one that it cannot take.

What becomes of a message follows from the message alone. Arrow reads a stream of objects, and so a block is taken only
if each of its values begins with a brace, ends with one and has no line break: each gives at least one row then, and as
many rows as values means one each.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from loader.mapping.events.fields import Field, read_as

Problems = dict[int, str]
"""Message's position → what is wrong with it."""

Places = npt.NDArray[np.int64]

ALONE = 16
"""A block of so many is not halved any more in search of its bad ones."""
BLOCK = 1 << 20


def read_json(values: pa.Array, fields: Sequence[Field]) -> tuple[pa.Table, Problems]:
    """A row for each of `values` (binary), of the fields' columns as `read_as` says; nulls where there is a problem."""
    schema = _schema(fields)
    problems: Problems = {}
    plain = _one_object_a_line(values)
    parts: list[tuple[Places, pa.Table]] = []
    _blocks(values, np.flatnonzero(plain), schema, parts, problems)
    for index in np.flatnonzero(~plain).tolist():
        _alone(values, index, schema, parts, problems)
    return _columns(_in_order(parts, len(values), schema), fields), problems


def _one_object_a_line(values: pa.Array) -> npt.NDArray[np.bool_]:
    braced = pc.and_(pc.starts_with(values, "{"), pc.ends_with(values, "}"))
    plain = pc.and_(braced, pc.invert(pc.match_substring(values, "\n")))
    return np.asarray(pc.fill_null(plain, False))


def _blocks(
    values: pa.Array, places: Places, schema: pa.Schema, parts: list[tuple[Places, pa.Table]], problems: Problems
) -> None:
    """The whole block, or its halves, or each of its values."""
    if not len(places):
        return
    rows = _parsed(values if len(places) == len(values) else values.take(pa.array(places)), schema)
    if isinstance(rows, pa.Table) and len(rows) == len(places):
        parts.append((places, rows))
    elif len(places) > ALONE:
        half = len(places) // 2
        _blocks(values, places[:half], schema, parts, problems)
        _blocks(values, places[half:], schema, parts, problems)
    else:
        for index in places.tolist():
            _alone(values, index, schema, parts, problems)


def _alone(
    values: pa.Array, index: int, schema: pa.Schema, parts: list[tuple[Places, pa.Table]], problems: Problems
) -> None:
    value = values.slice(index, 1)
    if not value.is_valid()[0].as_py():
        problems[index] = "it has no value"
        return
    rows = _parsed(value, schema)
    if isinstance(rows, str):
        problems[index] = rows
    elif len(rows) != 1:
        problems[index] = f"it holds {len(rows)} JSON objects instead of one"
    else:
        parts.append((np.array([index]), rows))


def _parsed(values: pa.Array, schema: pa.Schema) -> pa.Table | str:
    """The objects of all values one after the other, or why Arrow's reader does not take them."""
    lines = pc.binary_join(pa.ListArray.from_arrays([0, len(values)], values), b"\n")[0].as_buffer()
    longest = pc.max(pc.binary_length(values)).as_py() or 0
    try:
        rows = pj.read_json(
            pa.BufferReader(lines),
            read_options=pj.ReadOptions(block_size=max(BLOCK, 2 * longest + 2)),
            parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
        rows.validate(full=True)  # text that is no UTF-8
    except pa.ArrowInvalid as error:
        return str(error).removeprefix("JSON parse error: ").removesuffix(" in row 0")
    return rows


def _schema(fields: Sequence[Field]) -> pa.Schema:
    """Objects within objects, as the fields' paths say."""
    return pa.schema(_members([(field.path, read_as(field)) for field in fields]))


def _members(leaves: Sequence[tuple[tuple[str, ...], pa.DataType]]) -> list[pa.Field]:
    members = []
    for name in dict.fromkeys(path[0] for path, _ in leaves):
        inner = [(path[1:], kind) for path, kind in leaves if path[0] == name]
        deeper = [leaf for leaf in inner if leaf[0]]
        members.append(pa.field(name, pa.struct(_members(deeper)) if deeper else inner[0][1]))
    return members


def _in_order(parts: Sequence[tuple[Places, pa.Table]], count: int, schema: pa.Schema) -> pa.Table:
    if len(parts) == 1 and len(parts[0][0]) == count:
        return parts[0][1].combine_chunks()
    rows = pa.concat_tables([table for _, table in parts]) if parts else schema.empty_table()
    places = np.concatenate([np.zeros(0, np.int64), *(place for place, _ in parts)])
    back = np.full(count, -1, np.int64)
    back[places] = np.arange(len(places))
    return rows.combine_chunks().take(pa.array(back, mask=back < 0))


def _columns(rows: pa.Table, fields: Sequence[Field]) -> pa.Table:
    columns = []
    for field in fields:
        column = rows[field.path[0]]
        for name in field.path[1:]:
            column = pc.struct_field(column, name)
        columns.append(column)
    return pa.table(columns, names=[field.column for field in fields]) if fields else pa.table({})
