"""Rows of one schema as rows of another: by name, missing columns null, types cast safely, dictionaries kept."""

import pyarrow as pa
import pyarrow.compute as pc


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """`batch` with exactly the columns of `schema`; names match without case.

    Raises pa.ArrowInvalid if a value does not fit its new type.
    """
    if batch.schema.equals(schema):
        return batch
    places = {name.lower(): index for index, name in enumerate(batch.schema.names)}
    columns = [
        _cast(batch.column(places[field.name.lower()]), field.type)
        if field.name.lower() in places
        else pa.nulls(len(batch), field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def conform_table(table: pa.Table, schema: pa.Schema) -> pa.RecordBatch:
    """As `conform`, for a small table as a whole."""
    combined = table.combine_chunks()
    columns = [column.chunk(0) if column.num_chunks else pa.nulls(0, column.type) for column in combined.columns]
    return conform(pa.RecordBatch.from_arrays(columns, schema=table.schema), schema)


def without_dictionaries(schema: pa.Schema) -> pa.Schema:
    """The schema with every dictionary column as its values."""
    return pa.schema(
        [field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field for field in schema]
    )


def _cast(column: pa.Array, to: pa.DataType) -> pa.Array:
    if column.type.equals(to):
        return column
    if pa.types.is_dictionary(to):
        return pc.dictionary_encode(_cast(column, to.value_type)).cast(to)
    return column.cast(to)
