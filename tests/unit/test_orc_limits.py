"""Timestamps that an ORC file could not give back are quarantined before they are written."""

from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import orc

from loader.basics.errors import ConfigError
from loader.config.settings import load
from loader.datafiles.orc_limits import FIRST, LAST, WithinOrc
from loader.wiring.check import check_settings

SCHEMA = pa.schema([("id", pa.string()), ("at", pa.timestamp("us"))])
MICROSECOND = timedelta(microseconds=1)


def rows(*moments: datetime | None) -> pa.Table:
    return pa.table([[f"k{n}" for n in range(len(moments))], pa.array(moments, pa.timestamp("us"))], schema=SCHEMA)


def test_rows_within_the_range_pass_and_others_are_problems_of_their_column() -> None:
    done = WithinOrc(SCHEMA).apply(rows(FIRST, FIRST - MICROSECOND, None, LAST, LAST + MICROSECOND))
    assert {index: column for index, (_, column) in done.problems.items()} == {1: "at", 4: "at"}
    assert done.kept.to_pylist() == [True] * 5


def test_a_fraction_of_a_second_before_1970_is_a_problem_and_a_whole_second_is_none() -> None:
    """Arrow writes its nanoseconds as a negative number, at which Hive and Spark fail."""
    moments = (datetime(1969, 12, 31, 23, 59, 59, 999_999), datetime(1969, 12, 31, 23, 59, 59), datetime(1970, 1, 1))
    done = WithinOrc(SCHEMA).apply(rows(*moments, datetime(1970, 1, 1, 0, 0, 0, 1)))
    assert list(done.problems) == [0]


@pytest.mark.parametrize("moment", [FIRST, LAST])
def test_arrow_reads_the_ends_of_the_range_back(moment: datetime) -> None:
    assert back(moment) == moment


@pytest.mark.parametrize("moment", [datetime(1, 1, 1), datetime(9999, 12, 31)])
def test_arrow_refuses_what_lies_outside_which_is_why_it_is_not_written(moment: datetime) -> None:
    with pytest.raises(pa.ArrowInvalid, match="out of range"):
        back(moment)


def back(moment: datetime) -> datetime:
    stream = BytesIO()
    with orc.ORCWriter(stream) as writer:
        writer.write(rows(moment))
    read: datetime = orc.ORCFile(BytesIO(stream.getvalue())).read()["at"].cast(pa.timestamp("us"))[0].as_py()
    return read


CONFIG = """\
metastore: {uris: thrift://localhost:9083}
hbase: {thrift: localhost:9090}
tables:
  ads.clicks:
    hbase_table: clicks
    columns: {id: string, seen: "map<string,timestamp>", day: string}
    mapping: {id: ":key", seen: {cell: "d:", type: timestamp_ms}, day: "e:day"}
    partition_by: [day]
    format: orc
"""


def test_timestamps_inside_of_others_are_refused_for_orc(tmp_path: Path) -> None:
    file = tmp_path / "hotswap.yaml"
    file.write_text(CONFIG)
    with pytest.raises(ConfigError, match="column seen has timestamps inside"):
        check_settings(load(file))
