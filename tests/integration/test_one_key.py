"""`plan`, `show --key` and `verify --rebuild-index` over a real HBase and a real metastore."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.cli.main import main
from loader.cli.session import Loader, Session
from loader.sources.hbase.thrift2.client import Endpoint, Patience, TColumnValue, TDelete, Thrift2, TPut
from metastore.api import TableName
from metastore.client import connect

TABLE = "keydb.clicks"
CONFIG = """\
metastore: {{uris: "{uri}"}}
hbase: {{thrift: "{thrift}"}}
tables:
  keydb.clicks:
    hbase_table: key_clicks
    columns: {{id: string, clicks: bigint, day: string}}
    mapping: ":key,d:clicks#b,d:day"
    partition_by: [day]
    location: {location}
    publish_every: 0s
    lag: 200ms
    wal_sync_timeout: 5s
    transform: {{where: "clicks < 1000"}}
"""


@dataclass(frozen=True)
class Desk:
    """Where somebody types `hotswap`."""

    hbase: HBase
    folder: Path

    def told(self, *arguments: str, config: str = "hotswap.yaml") -> dict[str, Any]:
        out, err = StringIO(), StringIO()
        session = Session(Loader(), StringIO(), out, err, {})
        code = main([*arguments, "-c", str(self.folder / config), "--json"], session)
        assert code == 0, err.getvalue()
        document: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
        return document

    def client(self) -> Thrift2:
        return Thrift2(Endpoint.parse(self.hbase.thrift), Patience(seconds=20))

    def put(self, key: str, day: str, clicks: int, stamp: int | None = None) -> None:
        cells = {b"clicks": clicks.to_bytes(8, "big"), b"day": day.encode()}
        values = [
            TColumnValue(family=b"d", qualifier=name, value=value, timestamp=stamp) for name, value in cells.items()
        ]
        with self.client() as client:
            client.put("key_clicks", TPut(row=key.encode(), columnValues=values))

    def delete(self, key: str) -> None:
        with self.client() as client:
            client.delete("key_clicks", TDelete(row=key.encode()))

    def key(self, key: str) -> dict[str, Any]:
        return self.told("show", TABLE, "--key", key)


@pytest.fixture(scope="module")
def desk(hbase: HBase, hms: Metastore23, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Forty rows in two partitions, loaded."""
    folder = tmp_path_factory.mktemp("keys")
    config = CONFIG.format(uri=hms.uri, thrift=hbase.thrift, location=folder / "table")
    (folder / "hotswap.yaml").write_text(config)
    hbase.create_table("key_clicks", ["d"])
    metastore = connect([hms.uri])
    metastore.create_database("keydb")
    desk = Desk(hbase, folder)
    for number in range(40):
        desk.put(f"k{number:02d}", "mon" if number % 2 else "tue", number)
    desk.told("init", TABLE)
    desk.told("run", TABLE, "--once")
    yield desk
    metastore.drop_table(TableName.parse(TABLE))
    metastore.close()
    hbase.drop("key_clicks")


def test_the_plan_is_what_the_next_batch_does(desk: Desk) -> None:
    desk.put("k01", "tue", 7)
    desk.put("new", "wed", 1)
    desk.delete("k02")
    planned = desk.told("plan", TABLE)
    assert desk.told("plan", TABLE)["batch"] == planned["batch"]
    desk.told("run", TABLE, "--once")
    done = desk.told("show", TABLE, str(planned["batch"]))
    assert [planned[kind]["value"] for kind in ("upserts", "deletes", "moves")] == [2, 1, 1]
    assert (done["upserts"], done["deletes"], done["moves"]) == (2, 1, 1)
    foretold = {p["partition"]: (p["rows_after"]["value"], p["files_after"]) for p in planned["partitions"]}
    assert foretold == {p["partition"]: (p["rows_after"], p["files_after"]) for p in done["partitions"]}


@pytest.mark.slow
def test_of_a_backlog_the_plan_shows_the_first_batch(desk: Desk) -> None:
    config = (desk.folder / "hotswap.yaml").read_text() + "    max_keys: 2\n"
    (desk.folder / "small.yaml").write_text(config)
    for key in ("m1", "m2", "m3"):
        desk.put(key, "mon", 1)
    planned = desk.told("plan", TABLE, config="small.yaml")
    assert (planned["keys"], planned["backlog"] > 0) == (2, True)
    desk.told("run", TABLE, "--once")


def test_a_key_is_followed_from_hbase_to_hive(desk: Desk) -> None:
    assert desk.key("k05")["same"] is True
    desk.put("k05", "wed", 50)
    pending = desk.key("k05")
    assert [reason["cause"] for reason in pending["reasons"]] == ["not yet seen"]
    assert pending["home"]["row"]["clicks"] == 5
    desk.told("run", TABLE, "--once")
    after = desk.key("k05")
    assert (after["same"], after["home"]["partition"], after["home"]["row"]["clicks"]) == (True, "day=wed", 50)


@pytest.mark.slow
def test_a_row_with_an_old_timestamp_of_its_own_is_told_as_missed(desk: Desk) -> None:
    desk.put("k07", "mon", 70, stamp=1_000)
    desk.put("old", "mon", 1, stamp=1_000)
    time.sleep(6)  # past what windows read again
    desk.put("k09", "mon", 90)
    desk.told("run", TABLE, "--once")
    assert desk.key("k07")["same"] is True  # hidden by the newer cell
    assert [reason["cause"] for reason in desk.key("old")["reasons"]] == ["missed"]


@pytest.mark.slow
def test_a_delete_shows_its_marker_and_that_no_window_has_seen_it(desk: Desk) -> None:
    desk.delete("k11")
    told = desk.key("k11")
    assert (told["now"], told["newest_marker_ms"] >= told["newest_put_ms"]) == ("gone", True)
    assert [reason["cause"] for reason in told["reasons"]] == ["not yet seen"]
    desk.told("run", TABLE, "--once")
    assert (desk.key("k11")["home"], desk.key("k11")["same"]) == (None, True)


@pytest.mark.slow
def test_a_row_that_the_transform_leaves_out_is_told_as_filtered(desk: Desk) -> None:
    desk.put("big", "mon", 5_000)
    desk.told("run", TABLE, "--once")
    told = desk.key("big")
    assert (told["now"], told["same"], told["home"]) == ("filtered", True, None)


def test_a_lost_index_is_rebuilt_and_the_next_move_goes_by_it(desk: Desk) -> None:
    for path in (desk.folder / "table/_hotswap/state/index").iterdir():
        path.unlink()
    told = desk.told("verify", TABLE, "--rebuild-index", "--yes", "--deep")
    assert told["verified"]["findings"] == []
    desk.put("k13", "fri", 13)
    desk.told("run", TABLE, "--once")
    assert desk.key("k13")["home"]["partition"] == "day=fri"
    assert desk.told("verify", TABLE, "--deep")["findings"] == []
