"""The command on a real HBase and a real metastore, as a person types it: a process for each verb."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.sources.hbase.thrift2.client import Endpoint, Patience, TColumnValue, Thrift2, TPut
from loader.storage.local import local_path
from metastore.api import TableName
from metastore.client import connect
from tests.world import Row

CONFIG = """\
metastore: {{uris: "{uri}"}}
hbase: {{thrift: "{thrift}"}}
spark: {{spark.master: "local[2]"}}
tables:
  clidb.clicks:
    hbase_table: cli_clicks
    columns: {{id: string, clicks: bigint, day: string}}
    mapping: ":key,d:clicks#b,d:day"
    partition_by: [day]
    location: {location}
    publish_every: 0s
"""
TABLE = "clidb.clicks"


@dataclass(frozen=True)
class Desk:
    """Where somebody types `hotswap`."""

    hbase: HBase
    hms: Metastore23
    folder: Path

    def type(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        verb, *rest = arguments
        command = [sys.executable, "-m", "loader.cli.main", verb, "-c", str(self.folder / "hotswap.yaml"), *rest]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)

    def told(self, *arguments: str) -> dict[str, Any]:
        """What a verb that succeeds prints with --json; of `run` the last line."""
        done = self.type(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return document

    def put(self, key: str, day: str, clicks: int) -> None:
        cells = {b"clicks": clicks.to_bytes(8, "big"), b"day": day.encode()}
        values = [TColumnValue(family=b"d", qualifier=name, value=value) for name, value in cells.items()]
        with Thrift2(Endpoint.parse(self.hbase.thrift), Patience(seconds=20)) as client:
            client.put("cli_clicks", TPut(row=key.encode(), columnValues=values))

    def rows(self) -> dict[str, Row]:
        metastore = connect([self.hms.uri])
        partitions = metastore.all_partitions(TableName.parse(TABLE))
        metastore.close()
        return {
            row["id"]: (partition.values[0], row["clicks"])
            for partition in partitions
            for path in local_path(partition.location).glob("[!_.]*")
            for row in pq.read_table(path).to_pylist()
        }


@pytest.fixture(scope="module")
def desk(hbase: HBase, hms: Metastore23, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A table with two batches: a, then b beside a changed a."""
    folder = tmp_path_factory.mktemp("desk")
    config = CONFIG.format(uri=hms.uri, thrift=hbase.thrift, location=folder / "table")
    (folder / "hotswap.yaml").write_text(config)
    hbase.create_table("cli_clicks", ["d"])
    metastore = connect([hms.uri])
    metastore.create_database("clidb")
    desk = Desk(hbase, hms, folder)
    desk.put("a", "mon", 1)
    desk.told("init", TABLE)
    desk.told("run", TABLE, "--once")
    desk.put("a", "tue", 2)
    desk.put("b", "tue", 2)
    desk.told("run", TABLE, "--once")
    yield desk
    metastore.drop_table(TableName.parse(TABLE))
    metastore.close()
    hbase.drop("cli_clicks")


def test_init_twice_finds_the_table_fit(desk: Desk) -> None:
    assert desk.told("init", TABLE)["created"] is False


def test_init_shows_raw_bytes_beside_values(desk: Desk) -> None:
    out = desk.type("init", TABLE, "--sample", "1").stdout
    assert ["clicks", "d:clicks"] in [line.split()[:2] for line in out.splitlines()]


def test_status_and_history_tell_the_two_batches(desk: Desk) -> None:
    (status,) = desk.told("status")["tables"]
    assert (status["rows"], status["unsettled"], status["hold"]) == (2, [], None)
    entries = desk.told("history", TABLE)["attempts"]
    assert [entry["upserts"] for entry in entries if entry["kind"] == "batch"][-2:] == [2, 1]


def test_a_rollback_and_a_resume_bring_the_rows_back_and_forth(desk: Desk) -> None:
    now = desk.rows()
    first = desk.told("history", TABLE)["attempts"][-1]["batch"]
    desk.told("rollback", TABLE, "--to", str(first), "--yes")
    assert desk.rows() == {"a": ("mon", 1)}
    desk.told("resume", TABLE, "--yes")
    desk.told("run", TABLE, "--once")
    assert desk.rows() == now == {"a": ("tue", 2), "b": ("tue", 2)}


def test_recover_has_nothing_to_settle_after_a_good_night(desk: Desk) -> None:
    assert desk.told("recover", TABLE)["settled"] == []


def test_a_run_logs_each_batch_as_one_json_line(desk: Desk) -> None:
    desk.put("c", "wed", 3)
    lines = [json.loads(line) for line in desk.type("run", TABLE, "--once").stdout.splitlines()]
    assert [line["upserts"] for line in lines if line["event"] == "batch"] == [1]


def test_an_hbase_table_that_does_not_exist_is_named(desk: Desk) -> None:
    wrong = desk.folder / "wrong.yaml"
    wrong.write_text((desk.folder / "hotswap.yaml").read_text().replace("cli_clicks", "nosuch"))
    done = desk.type("init", TABLE, "--config", str(wrong))
    assert done.returncode == 1
    assert "nosuch" in done.stderr


def test_a_metastore_that_is_away_is_named(desk: Desk) -> None:
    away = desk.folder / "away.yaml"
    away.write_text((desk.folder / "hotswap.yaml").read_text().replace(desk.hms.uri, "thrift://127.0.0.1:1"))
    done = desk.type("status", "--config", str(away))
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr
