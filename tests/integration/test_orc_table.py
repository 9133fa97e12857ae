"""A table of ORC files, sorted, kept by the real verbs over a real HBase, and read through Hive 2.3's reader."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.cli.main import main
from loader.cli.session import Loader, Session
from loader.sources.hbase.thrift2.client import Endpoint, Patience, TColumnValue, Thrift2, TPut
from metastore.api import TableName
from metastore.client import connect

TABLE = "orcdb.clicks"
CONFIG = """\
metastore: {{uris: "{uri}"}}
hbase: {{thrift: "{thrift}"}}
tables:
  orcdb.clicks:
    hbase_table: orc_clicks
    columns: {{id: string, clicks: bigint, at: timestamp, day: string}}
    mapping:
      id: ":key"
      clicks: {{cell: "d:clicks", type: long_be}}
      at: {{cell: "d:at", type: timestamp_ms}}
      day: "d:day"
    partition_by: [day]
    location: {location}
    publish_every: 0s
    lag: 200ms
    format: orc
    compression: gzip
    sort_by: [clicks]
"""


@dataclass(frozen=True)
class Desk:
    hbase: HBase
    folder: Path

    def told(self, *arguments: str) -> dict[str, Any]:
        out, err = StringIO(), StringIO()
        session = Session(Loader(), StringIO(), out, err, {})
        code = main([*arguments, "-c", str(self.folder / "hotswap.yaml"), "--json"], session)
        assert code == 0, err.getvalue() + out.getvalue()
        document: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
        return document

    def put(self, key: str, day: str, clicks: int, at: datetime) -> None:
        stamp = round((at.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
        cells = {b"clicks": struct.pack(">q", clicks), b"at": struct.pack(">q", stamp), b"day": day.encode()}
        values = [TColumnValue(family=b"d", qualifier=name, value=value) for name, value in cells.items()]
        with Thrift2(Endpoint.parse(self.hbase.thrift), Patience(seconds=20)) as client:
            client.put("orc_clicks", TPut(row=key.encode(), columnValues=values))


@pytest.fixture
def desk(hbase: HBase, hms: Metastore23, tmp_path: Path) -> Iterator[Desk]:
    config = CONFIG.format(uri=hms.uri, thrift=hbase.thrift, location=tmp_path / "table")
    (tmp_path / "hotswap.yaml").write_text(config)
    hbase.create_table("orc_clicks", ["d"])
    metastore = connect([hms.uri])
    metastore.create_database("orcdb")
    yield Desk(hbase, tmp_path)
    metastore.drop_table(TableName.parse(TABLE))
    metastore.close()
    hbase.drop("orc_clicks")


def test_an_orc_table_is_loaded_changed_verified_and_read_by_hive(desk: Desk, spark: SparkSession) -> None:
    moment = datetime(2026, 7, 1, 12, 30, 59)
    for number in range(20):
        desk.put(f"k{number:02d}", "mon" if number % 2 else "tue", 20 - number, moment)
    desk.told("init", TABLE)
    desk.told("run", TABLE, "--once")
    desk.put("k01", "tue", 100, moment)
    desk.put("far", "mon", 1, datetime(2500, 1, 1))
    desk.told("run", TABLE, "--once")
    assert desk.told("verify", TABLE, "--deep")["findings"] == []
    far = desk.told("show", TABLE, "--key", "far")
    assert (far["now"], "1677" in far["reasons"][0]["what"]) == ("undecodable", True)
    spark.conf.set("spark.sql.hive.convertMetastoreOrc", "false")
    try:
        rows = spark.sql(f"select id, clicks, cast(at as string) at, day from {TABLE}").collect()
    finally:
        spark.conf.unset("spark.sql.hive.convertMetastoreOrc")
    assert {row.at for row in rows} == {"2026-07-01 12:30:59"}
    found = {row.id: (row.clicks, row.day) for row in rows}
    expected = {f"k{number:02d}": (20 - number, "mon" if number % 2 else "tue") for number in range(20)}
    assert found == expected | {"k01": (100, "tue")}
    tuesday = [row.clicks for row in rows if row.day == "tue"]
    assert tuesday == sorted(tuesday)
