"""Columns with floats and moments as whole numbers of the same bits, so that equal means written alike.

By value −0.0 equals 0.0 and no NaN equals itself: a change of the one would never be published, the other always anew.
"""

import pyarrow as pa

_BITS = {
    pa.float16(): pa.int16(),
    pa.float32(): pa.int32(),
    pa.float64(): pa.int64(),
    pa.date32(): pa.int32(),
    **{pa.timestamp(unit): pa.int64() for unit in ("s", "ms", "us", "ns")},
}


def bits_of(column: pa.Array) -> pa.Array:
    """The column with the same nulls and, in maps, lists and structs as well, the bits of each float and moment."""
    if pa.types.is_dictionary(column.type) and column.type.value_type in _BITS:
        column = column.dictionary_decode()
    kind = _bits(column.type)
    return column if kind == column.type else column.view(kind)


def _bits(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_map(kind):
        return pa.map_(_bits(kind.key_type), _bits(kind.item_type))
    if pa.types.is_list(kind):
        return pa.list_(_bits(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_bits(field.type)) for field in kind])
    return _BITS.get(kind, kind)
