"""What a table can hold comes back from its data files bit for bit."""

import math
from datetime import date, datetime
from io import BytesIO

import pyarrow as pa
import pytest

from loader.datafiles.orc_file import OrcInput, OrcOutput, OrcSettings
from loader.datafiles.parquet_file import ParquetInput, ParquetOutput, ParquetSettings
from partitioner.bits import bits_of
from partitioner.merge.encoding import Encoding

ODD_NAN = [0x7FF8000000000001, 0x7FF0000000000001, 0xFFF8000000000000 - 2**64]
"""Bits of NaN: with a payload, signalling, negative."""
DOUBLES = pa.concat_arrays(
    [pa.array([0.0, -0.0, math.nan, None, math.inf, -math.inf, 5e-324] * 3), pa.array(ODD_NAN * 2).view(pa.float64())]
)
FLOATS = pa.concat_arrays(
    [pa.array([0.0, -0.0, None, math.inf], pa.float32()), pa.array([0x7FC00001] * 23, pa.int32()).view(pa.float32())]
)
MOMENTS = [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999), datetime(1582, 10, 10), None]
DAYS = [date(1, 1, 1), date(9999, 12, 31), date(1582, 10, 10), None]
ROWS = pa.table(
    {
        "double": DOUBLES,
        "float": FLOATS,
        "at": pa.array((MOMENTS * 7)[: len(DOUBLES)], pa.timestamp("us")),
        "day": pa.array((DAYS * 7)[: len(DOUBLES)], pa.date32()),
        "m": pa.array([[("a", value)] for value in DOUBLES.to_pylist()], pa.map_(pa.string(), pa.float64())),
    }
)


def assert_alike(written: pa.Table, read: pa.Table) -> None:
    for name in written.column_names:
        before, after = (bits_of(table[name].combine_chunks()) for table in (written, read))
        assert after.to_pylist() == before.to_pylist(), name


@pytest.mark.parametrize("timestamps", ["int96", "int64"])
@pytest.mark.parametrize("dictionary", [(), ("double", "float", "day")])
def test_parquet_gives_every_value_back_that_a_table_can_hold(timestamps: str, dictionary: tuple[str, ...]) -> None:
    stream = BytesIO()
    output = ParquetOutput(stream, ROWS.schema, Encoding(dictionary), ParquetSettings(timestamps=timestamps))
    output.write(ROWS)
    output.close()
    stream.seek(0)
    assert_alike(ROWS, pa.Table.from_batches(ParquetInput(stream, 1 << 20).batches(frozenset())))


def test_orc_gives_every_number_and_date_back() -> None:
    """Its timestamps have bounds of their own: `orc_limits`."""
    rows, stream = ROWS.drop_columns(["at"]), BytesIO()
    output = OrcOutput(stream, rows.schema, OrcSettings())
    output.write(rows)
    output.close()
    assert_alike(rows, pa.Table.from_batches(OrcInput(BytesIO(stream.getvalue())).batches(frozenset())))
